//! What a new, resumed or lost stream means for the rows.

use super::trust::view;
use super::want::Kind;
use super::{Ctx, Effect, Input, devices, mam, presence, push, room};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Proof, State};
use crate::store::account::ConnectionRow;
use crate::wire::Bound;

/// A brain starts: whatever was online is not any more.
pub(crate) fn opened(ctx: &mut Ctx) -> Result<()> {
    ctx.online = false;
    let mut row = ctx.tx.connection()?;
    if matches!(row.state, State::Online | State::Connecting) {
        row.state = State::Offline;
    }
    (row.caught_up, row.proof, row.resumable) = (false, None, None);
    ctx.tx.set_connection(&row)
}

/// The connection changed.
pub(crate) fn changed(ctx: &mut Ctx, input: Input) -> Result<()> {
    match input {
        Input::Connecting => {
            let mut row = ctx.tx.connection()?;
            row.state = State::Connecting;
            ctx.tx.set_connection(&row)
        }
        Input::Offline { error, refused } => {
            let was_online = std::mem::take(&mut ctx.online);
            let about = error.as_ref().and_then(about);
            let error = error.map(|error| error.kind);
            let mut row = ctx.tx.connection()?;
            let wanted = ctx.tx.account()?.wanted;
            row.state = match (refused, wanted) {
                (true, _) => State::Refused,
                (false, true) => State::Connecting,
                (false, false) => State::Offline,
            };
            if let Some(kind) = error {
                ctx.tx.end_venture(kind)?;
            }
            if error == Some(ErrorKind::Contradiction) {
                ctx.tx.set_contradiction(ctx.now.wall)?;
            }
            // Who stops trying is still told why the last try failed.
            if error.is_some() || was_online {
                row.error = error.map(|kind| kind.code().to_owned());
                row.about = about;
            }
            (row.proof, row.resumable, row.caught_up) = (None, None, false);
            ctx.tx.set_connection(&row)
        }
        Input::Online(Bound { jid, resumed, resumable, carbons, proof }) => {
            ctx.online = true;
            match resumed {
                true => {
                    room::ping::all(ctx)?;
                    ctx.tx.bring_forward(Kind::List.code(), ctx.now.wall)?;
                }
                false => {
                    ctx.tx.begin_resumption(resumable.as_ref())?;
                    begin(ctx, carbons)?;
                }
            }
            let mut row = ctx.tx.connection()?;
            let proof = match proof {
                Proof::Proved => "proved",
                Proof::Pinned => "pinned",
                Proof::FirstUse => "first_use",
            };
            let published = ctx.tx.account()?.published;
            row = ConnectionRow {
                // Before our keys are on the server nobody can write to us: then we are not quite there.
                state: if published { State::Online } else { State::Connecting },
                proof: Some(proof.to_owned()),
                resumable: Some(resumable.is_some()),
                error: None,
                full_jid: Some(jid.to_string()),
                caught_up: mam::is_complete(ctx)?,
                caught: if resumed { row.caught } else { 0 },
                ..row
            };
            ctx.tx.set_connection(&row)
        }
        Input::Moved => {
            ctx.online = false;
            // What was begun on one way does not go on by another.
            ctx.tx.end_resumption()?;
            ctx.effects.push(Effect::Redial);
            let mut row = ctx.tx.connection()?;
            row.state = State::Connecting;
            (row.proof, row.resumable, row.caught_up, row.error) = (None, None, false, None);
            ctx.tx.set_connection(&row)
        }
        _ => Ok(()),
    }
}

/// What a person is told beside the kind: of what a server offers or asks for, which nobody guesses.
fn about(error: &Error) -> Option<String> {
    let telling = matches!(error.kind, ErrorKind::NoMechanism | ErrorKind::Iterations) && !error.subject.is_empty();
    telling.then(|| super::xml::clean(&error.subject).chars().take(ABOUT).collect())
}

/// The most characters that are kept of it.
const ABOUT: usize = 200;

/// An answer came: on the very first stream, `online` waits until our keys are on the server or were refused.
pub(crate) fn keys_settled(ctx: &mut Ctx) -> Result<()> {
    let mut row = ctx.tx.connection()?;
    let keys = [Kind::List, Kind::PublishList, Kind::Bundle, Kind::PublishBundle].map(Kind::code);
    if !ctx.online || row.state != State::Connecting || ctx.tx.any_fresh(&keys)? {
        return Ok(());
    }
    ctx.tx.set_published()?;
    row.state = State::Online;
    ctx.tx.set_connection(&row)
}

/// What was refused is changed: whoever connects next tries anew.
pub(crate) fn forgive(ctx: &mut Ctx) -> Result<()> {
    let mut row = ctx.tx.connection()?;
    if row.state != State::Refused {
        return Ok(());
    }
    (row.state, row.error) = (State::Offline, None);
    ctx.tx.set_connection(&row)
}

/// A new stream: nothing of the old one counts, and everything is asked again.
fn begin(ctx: &mut Ctx, carbons: bool) -> Result<()> {
    ctx.stream = ctx.tx.next_stream()?;
    ctx.tx.reset_outgoing()?;
    ctx.tx.drop_passing_parcels()?;
    mam::forget(ctx)?;
    room::forget(ctx)?;
    ctx.tx.reset_wants(ctx.now.wall)?;
    ctx.tx.clear_presence()?;
    ctx.want_own(Kind::AccountDisco, "")?;
    if !carbons {
        ctx.want_own(Kind::Carbons, "")?;
    }
    ctx.want_own(Kind::Roster, "")?;
    let domain = ctx.me.jid.domain().to_string();
    ctx.want_of(Kind::ServerDisco, &domain, "")?;
    view::begin(ctx)?;
    let own = ctx.bare();
    devices::want_lists(ctx, &own)?;
    let device = ctx.me.device;
    for version in devices::VERSIONS {
        super::bundle::want(ctx, &own, device, version, false)?;
    }
    push::begin(ctx)?;
    // Carbons and presence go first: from then on nothing new can pass us by while the archive is read.
    ctx.ask_due()?;
    presence::initial(ctx)?;
    room::begin(ctx)?;
    mam::begin(ctx)
}

/// A person wants to be online, or not any more.
///
/// Errors: the kind of what stands until they have said something else.
pub(crate) fn set_wanted(ctx: &mut Ctx, wanted: bool) -> Result<()> {
    if let Some(kind) = ctx.tx.standing()?.filter(|_| wanted) {
        return Err(Error::about(kind, ctx.bare()));
    }
    ctx.tx.set_wanted(wanted)?;
    ctx.effects.push(if wanted { Effect::Start } else { Effect::Stop { clean: true } });
    let mut row = ctx.tx.connection()?;
    if wanted && matches!(row.state, State::Offline | State::Refused) {
        // What the last try ended with is no answer to this one.
        (row.state, row.error) = (State::Connecting, None);
        ctx.tx.set_connection(&row)?;
    }
    if !wanted {
        ctx.online = false;
        (row.state, row.proof, row.resumable, row.caught_up, row.error) = (State::Offline, None, None, false, None);
        ctx.tx.set_connection(&row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::commands::carry_out;
    use super::super::roster::tests::juliet;
    use super::*;
    use crate::command::{AccountUpdate, Command};

    fn stands(ctx: &Ctx) -> (State, Option<String>) {
        let row = ctx.tx.connection().unwrap();
        (row.state, row.error)
    }

    #[test]
    fn a_refused_account_that_is_changed_is_refused_no_more() {
        juliet(|ctx| {
            changed(ctx, Input::Offline { error: Some(ErrorKind::WrongPassword.into()), refused: true }).unwrap();
            assert_eq!(stands(ctx), (State::Refused, Some("wrong_password".into())));
            let update = AccountUpdate { password: Some("the right one".into()), ..AccountUpdate::default() };
            carry_out(ctx, Command::Update(update)).unwrap();
            assert_eq!(stands(ctx), (State::Offline, None));
        });
    }

    #[test]
    fn what_a_server_asked_for_is_told_beside_the_kind_until_the_next_try() {
        juliet(|ctx| {
            let about = |ctx: &Ctx| ctx.tx.connection().unwrap().view().about;
            let error =
                Error::about(ErrorKind::Iterations, format!("SCRAM-SHA-1 with 1{} iterations", "\u{1}".repeat(500)));
            changed(ctx, Input::Offline { error: Some(error), refused: true }).unwrap();
            assert_eq!(about(ctx).as_deref(), Some("SCRAM-SHA-1 with 1 iterations"));
            set_wanted(ctx, true).unwrap();
            assert_eq!(about(ctx), None);
            // Where we wanted to connect is for nobody to read here.
            let error = Error::about(ErrorKind::Unreachable, "xmpp.example.org:5222");
            changed(ctx, Input::Offline { error: Some(error), refused: false }).unwrap();
            assert_eq!(about(ctx), None);
        });
    }

    #[test]
    fn who_stops_trying_is_still_told_why_the_last_try_failed() {
        juliet(|ctx| {
            for error in [Some(ErrorKind::NotSocks), None] {
                changed(ctx, Input::Offline { error: error.map(Error::from), refused: false }).unwrap();
                assert_eq!(stands(ctx).1.as_deref(), Some("not_socks"));
            }
            ctx.online = true;
            changed(ctx, Input::Offline { error: None, refused: false }).unwrap();
            assert_eq!(stands(ctx).1, None);
        });
    }
}
