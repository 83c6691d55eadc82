//! What a person asks for: one command, one transaction.

use super::trust::{ageing, alarms, decision, verification};
use super::{
    Ctx, chat_states, corrections, devices, healing, markers, pump, push, reactions, recipients, retractions, room,
    roster, server, stream,
};
use crate::command::{Command, Reply};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Delivery, Sealing, Trust};
use crate::store::device::DeviceRow;
use crate::store::message::{MessageRow, NewMessage};
use sha2::{Digest, Sha256};

/// The longest text that fits a stanza of any deployed server after sealing, bytes.
const LONGEST: usize = 96 * 1024;

/// Carries out a command; a refusal changes nothing.
pub(crate) fn carry_out(ctx: &mut Ctx, command: Command) -> Result<Reply> {
    match command {
        Command::Connect => stream::set_wanted(ctx, true)?,
        Command::ConnectAgain => {
            server::pardon(ctx)?;
            stream::set_wanted(ctx, true)?;
        }
        Command::Disconnect => stream::set_wanted(ctx, false)?,
        Command::Send { to, text, reply_to, origin_id } => return send(ctx, &to, &text, reply_to, origin_id),
        Command::Correct { message, text } => corrections::say(ctx, known_row(ctx, &message)?, &text)?,
        Command::Retract { message } => retractions::say(ctx, &known_row(ctx, &message)?)?,
        Command::React { message, emojis } => reactions::say(ctx, &known_row(ctx, &message)?, &emojis)?,
        Command::MarkRead { chat } => {
            let chat = known_chat(ctx, &chat)?;
            ctx.tx.mark_read(&chat)?;
            markers::tell(ctx, &chat)?;
        }
        Command::AllowPlain { chat, allow: true } | Command::AllowExtras { chat, allow: true }
            if ctx.tx.is_room(&bare(&chat)?)? =>
        {
            // Nobody could agree for all members.
            return Err(Error::about(ErrorKind::RoomSealed, chat));
        }
        Command::AllowExtras { chat, allow } => ctx.tx.allow_extras(&bare(&chat)?, allow)?,
        Command::TellDisplayed { tell } => ctx.tx.set_tells_displayed(tell)?,
        Command::AllowPlain { chat, allow } => ctx.tx.allow_plain(&bare(&chat)?, allow)?,
        Command::Typing { chat, typing } => {
            let chat = known_chat(ctx, &chat)?;
            chat_states::set(ctx, &chat, typing)?;
        }
        Command::Contact { jid, change } => roster::change(ctx, &bare(&jid)?, change)?,
        Command::DeviceDecide { jid, fingerprint, trust } => decide(ctx, &bare(&jid)?, &fingerprint, trust)?,
        Command::DeviceReset { jid, device } => {
            let row = ctx.tx.device(&bare(&jid)?, device)?;
            let row = row.ok_or_else(|| Error::about(ErrorKind::UnknownDevice, device.to_string()))?;
            healing::reset(ctx, &row)?;
        }
        Command::DeviceRemove { device } if device == ctx.me.device => {
            return Err(Error::about(ErrorKind::ThisDevice, device.to_string()));
        }
        Command::DeviceRemove { device } => {
            if !devices::remove_own(ctx, device)? {
                return Err(Error::about(ErrorKind::UnknownDevice, device.to_string()));
            }
        }
        Command::AcceptServer => server::accept(ctx)?,
        Command::AllowPlainLogin(allowed) => server::allow_plain(ctx, allowed)?,
        Command::AlarmAnswer { alarm, answer } => alarms::answer(ctx, &alarm, &answer)?,
        Command::Verify { uri } => return verification::verify(ctx, &uri),
        Command::TrustRule { days } => ageing::set(ctx, days)?,
        Command::Room { room, change } => room::commands::carry_out(ctx, &room, change)?,
        Command::EnablePush(service) => push::enable(ctx, service)?,
        Command::DisablePush => push::disable(ctx)?,
        Command::Update(update) => {
            ctx.tx.update_account(&update)?;
            if update.password.is_some() {
                // A person knows what they do.
                ctx.tx.drop_venture()?;
            }
            stream::forgive(ctx)?;
        }
    }
    Ok(Reply::Done)
}

fn bare(text: &str) -> Result<String> {
    crate::address::bare(text).map(|jid| jid.to_string())
}

/// A chat that is there, or with a contact to whom nothing was said yet.
fn known_chat(ctx: &Ctx, text: &str) -> Result<String> {
    let chat = bare(text)?;
    let known = ctx.tx.chat(&chat)?.is_some() || ctx.tx.contact(&chat)?.is_some() || chat == ctx.me.jid.as_str();
    if known { Ok(chat) } else { Err(Error::about(ErrorKind::UnknownChat, chat)) }
}

fn send(ctx: &mut Ctx, to: &str, text: &str, reply_to: Option<String>, origin_id: Option<String>) -> Result<Reply> {
    let chat = bare(to)?;
    let origin_id = match origin_id {
        Some(id) if id.is_empty() || id.len() > 255 || super::xml::clean(&id) != id => {
            return Err(Error::about(ErrorKind::InvalidInput, "origin_id"));
        }
        Some(id) => id,
        None => ctx.fresh_id(),
    };
    if let Some(row) = ctx.tx.own_message_anywhere(&origin_id)?.filter(|row| row.state.is_some()) {
        return Ok(Reply::Sent { message: row.id.to_string(), origin_id });
    }
    let body = text_of(text)?;
    if ctx.tx.is_room(&chat)? {
        room::commands::may_send(ctx, &chat)?;
    } else if is_known_plain(ctx, &chat)? {
        return Err(Error::about(pump::refusal(ctx, &chat)?, chat));
    }
    if !ctx.tx.is_room(&chat)? && !ctx.tx.devices(&chat)?.iter().any(DeviceRow::is_listed) {
        // Their list may be back.
        devices::VERSIONS.into_iter().try_for_each(|version| devices::want_list(ctx, &chat, version))?;
    }
    let reply_to = match reply_to {
        Some(id) => Some(known_row(ctx, &id)?.id),
        None => None,
    };
    let digest = Sha256::digest(&body);
    let id = ctx.tx.insert_message(&NewMessage {
        chat: &chat,
        own: true,
        sender: ctx.me.jid.as_str(),
        origin_id: Some(&origin_id),
        stanza_id: None,
        body: Some(&body),
        sealed: Sealing::None,
        device: Some(ctx.me.device),
        identity: None,
        trust: None,
        sent: ctx.now.wall,
        arrived: ctx.now.wall,
        state: Some(Delivery::Waiting),
        reason: None,
        digest: &digest,
        reply_to,
        waiting: true,
    })?;
    Ok(Reply::Sent { message: id.to_string(), origin_id })
}

/// Whether it is certain already that the message could only go in plain text, and that is not allowed.
fn is_known_plain(ctx: &Ctx, chat: &str) -> Result<bool> {
    let allowed = ctx.tx.chat(chat)?.is_some_and(|row| row.plain_allowed && row.sealed == Sealing::None);
    let mut confirmed = ctx.online;
    for version in devices::VERSIONS {
        confirmed &= devices::is_confirmed(ctx, chat, version)?;
    }
    let any = ctx.tx.devices(chat)?.iter().any(|row| row.listed03 || row.listed2 || row.ever2);
    Ok(confirmed && !any && !allowed && !recipients::vanished(ctx, chat)?)
}

/// What can be sent of a text.
pub(super) fn text_of(text: &str) -> Result<String> {
    let body = super::xml::clean(text);
    if body.is_empty() {
        return Err(Error::about(ErrorKind::InvalidInput, "text"));
    }
    if body.len() > LONGEST {
        return Err(Error::about(ErrorKind::TooLarge, "text"));
    }
    Ok(body)
}

fn known_row(ctx: &Ctx, id: &str) -> Result<MessageRow> {
    let row = match id.parse() {
        Ok(number) => ctx.tx.message(number)?,
        Err(_) => None,
    };
    row.ok_or_else(|| Error::about(ErrorKind::UnknownMessage, id))
}

fn decide(ctx: &mut Ctx, jid: &str, fingerprint: &str, trust: Trust) -> Result<()> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase();
    let wanted = plain(fingerprint);
    let rows = ctx.tx.devices(jid)?.into_iter();
    let mut rows = rows.filter(|row| !(row.jid == ctx.me.jid.as_str() && row.device == ctx.me.device));
    if jid == ctx.me.jid.as_str() && verification::key(fingerprint).is_some_and(|key| decision::is_ours(ctx, &key)) {
        return Err(Error::about(ErrorKind::ThisDevice, fingerprint));
    }
    let shows = |print: String| !wanted.is_empty() && print == wanted;
    let row = rows.find(|row| shows(row.fingerprint()) || shows(row.fingerprint_2()));
    let row = row.ok_or_else(|| {
        Error::about(ErrorKind::UnknownDevice, if fingerprint.is_empty() { "\"\"" } else { fingerprint })
    })?;
    decision::of_person(ctx, &row, trust)
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet, xml};
    use super::*;

    #[test]
    fn whose_devices_cannot_be_looked_up_is_not_called_somebody_without_any() {
        juliet(|ctx| {
            let send = |ctx: &mut Ctx| {
                let text = Command::Send { to: ROMEO.into(), text: "O".into(), reply_to: None, origin_id: None };
                carry_out(ctx, text).err().unwrap().kind
            };
            ctx.online = true;
            let answer = |ctx: &mut Ctx, condition: &str| {
                for version in devices::VERSIONS {
                    devices::want_list(ctx, ROMEO, version).unwrap();
                }
                ctx.ask_due().unwrap();
                for want in ctx.tx.wants_about("list", ROMEO).unwrap() {
                    let id = want.iq.unwrap();
                    let error = format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
                    let iq = format!(
                        "<iq xmlns='jabber:client' type='error' id='{id}' from='{ROMEO}'><error type='cancel'>{error}</error></iq>"
                    );
                    super::super::want::answered(ctx, &xml(&iq)).unwrap();
                }
            };
            answer(ctx, "remote-server-not-found");
            assert_eq!(send(ctx), ErrorKind::ContactUnreachable);
            // On the next stream they are there, and have no device.
            ctx.stream += 1;
            answer(ctx, "item-not-found");
            assert_eq!(send(ctx), ErrorKind::PlainNotAllowed);
        });
    }

    #[test]
    fn a_text_of_which_nothing_can_be_sent_is_refused() {
        juliet(|ctx| {
            for text in ["", "\u{1}", "\u{fffe}\u{0}"] {
                let send = Command::Send { to: ROMEO.into(), text: text.into(), reply_to: None, origin_id: None };
                let error = carry_out(ctx, send).err().unwrap();
                assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidInput, "text"));
            }
        });
    }
}
