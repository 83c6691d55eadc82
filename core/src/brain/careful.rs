//! After an unclean end the brain takes one stanza a transaction and writes its fingerprint down first. One that crashes the
//! brain then is put aside when it is met again: it becomes an unreadable row, is acknowledged, and is tried again after an
//! update. An end of the whole process proves less, as systems end programs at will: it must fall on one stanza several
//! times in a row.

use super::{Brain, turn};
use crate::error::{ErrorKind, Result};
use crate::model::Sealing;
use crate::store::Tx;
use crate::store::message::NewMessage;
use crate::wire::{Arrived, FromWire};
use jid::BareJid;
use minidom::Element;
use sha2::{Digest, Sha256};
use std::str::FromStr;

/// How many stanzas are taken this way.
pub(super) const STANZAS: u32 = 500;
/// How often in a row a stanza may be in hand when the process ends, before it is taken for the cause. Fewer, and a message
/// that can be read would be lost to the reader for nothing.
const ENDS: i64 = 4;

const CARBONS: &str = "urn:xmpp:carbons:2";
const DELAY: &str = "urn:xmpp:delay";
const FORWARD: &str = "urn:xmpp:forward:0";
const MAM: &str = "urn:xmpp:mam:2";
const STANZA_ID: &str = "urn:xmpp:sid:0";

impl Brain {
    /// Takes one stanza, its fingerprint on the disk first.
    pub(super) fn carefully(&mut self, stanza: Arrived) -> Result<()> {
        self.careful = self.careful.saturating_sub(1);
        let Arrived::Whole(element) = &stanza else {
            return self.turn(turn::Inputs { wire: Some(FromWire::Stanza(stanza)), ..Default::default() });
        };
        let digest = fingerprint(element);
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        let times = tx.suspect(&digest)?;
        tx.commit()?;
        if times <= ENDS {
            let wire = Some(FromWire::Stanza(stanza));
            self.in_hand = Some(digest);
            self.turn(turn::Inputs { wire, suspect: Some(digest), alone: true, ..Default::default() })?;
            self.in_hand = None;
        } else {
            self.pass_over(&stanza, &digest)?;
        }
        self.drain_carefully()?;
        if self.careful == 0
            && let Some(rows) = &mut self.rows
        {
            let tx = rows.store.tx()?;
            tx.harmless_all()?;
            tx.commit()?;
        }
        self.turn(turn::Inputs::default())
    }

    /// What waited for the end of the catch-up, one by one.
    pub(super) fn drain_carefully(&mut self) -> Result<()> {
        while self.careful > 0 && self.drain_one()? {}
        Ok(())
    }

    /// The same for the stanzas that waited for the end of the catch-up: handles the next one alone. False if none is due.
    fn drain_one(&mut self) -> Result<bool> {
        let now = self.now().wall;
        let Some(rows) = &mut self.rows else { return Ok(false) };
        let tx = rows.store.tx()?;
        let draining = tx.find_want("drain", "", "")?.is_some() && self.link.as_ref().is_some_and(|link| link.online);
        let Some((id, raw)) = tx.next_kept()?.filter(|_| draining) else { return Ok(false) };
        self.careful = self.careful.saturating_sub(1);
        let digest = fingerprint_of(&raw);
        if tx.suspect(&digest)? <= ENDS {
            tx.commit()?;
            self.in_hand = Some(digest);
            self.turn(turn::Inputs { suspect: Some(digest), ..Default::default() })?;
            self.in_hand = None;
            return Ok(true);
        }
        tx.poison_kept(id)?;
        if let Ok(element) = raw.parse() {
            unreadable(&tx, &element, &digest, now)?;
        }
        tx.harmless(&digest)?;
        let touched = tx.commit()?;
        self.setting.hub.publish(&touched);
        Ok(true)
    }

    /// After trouble: the stanza in hand caused a crash; of a full disk it is innocent.
    pub(super) fn judge(&mut self, trouble: Option<ErrorKind>) -> Result<()> {
        let (Some(digest), Some(rows)) = (self.in_hand, &mut self.rows) else { return Ok(()) };
        let tx = rows.store.tx()?;
        match trouble {
            Some(ErrorKind::Crashed) => tx.convict(&digest, ENDS)?,
            _ => tx.harmless(&digest)?,
        }
        tx.commit()?;
        self.in_hand = None;
        Ok(())
    }

    /// Puts a stanza aside without another try.
    fn pass_over(&mut self, stanza: &Arrived, digest: &[u8; 32]) -> Result<()> {
        let now = self.now().wall;
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let tx = rows.store.tx()?;
        put_aside(&tx, stanza, now)?;
        tx.harmless(digest)?;
        let touched = tx.commit()?;
        if let Some(link) = &mut self.link {
            link.committed(1);
        }
        self.setting.hub.publish(&touched);
        Ok(())
    }
}

/// Keeps a stanza that cannot be handled, to be tried again after an update.
pub(super) fn put_aside(tx: &Tx, stanza: &Arrived, now: i64) -> Result<()> {
    match stanza {
        Arrived::Whole(element) => {
            tx.poison(&String::from(element), now)?;
            unreadable(tx, element, &fingerprint(element), now)
        }
        // Of these there is nothing to keep.
        Arrived::Oversized { .. } | Arrived::Unparsable => tx.count("poison"),
    }
}

/// Shows that there is a message which cannot be read.
fn unreadable(tx: &Tx, element: &Element, digest: &[u8; 32], now: i64) -> Result<()> {
    tx.count("poison")?;
    let Some(letter) = letter(element, &tx.account()?.jid) else { return Ok(()) };
    let id = tx.insert_message(&NewMessage {
        chat: &letter.chat,
        own: letter.own,
        sender: &letter.sender,
        origin_id: None,
        stanza_id: None,
        body: None,
        sealed: Sealing::None,
        device: None,
        identity: None,
        trust: None,
        sent: now,
        arrived: now,
        state: None,
        reason: Some("crashed"),
        digest,
        reply_to: None,
        waiting: false,
    })?;
    tx.event("unreadable", Some(id), None, None, "{}")
}

/// Whose message it was, as far as it can be told without reading it.
struct Letter {
    chat: String,
    sender: String,
    own: bool,
}

/// The message in a stanza, if it holds content and comes from whom it says; wrappers only from the own account.
fn letter(element: &Element, account: &str) -> Option<Letter> {
    let bare = |name: &str, element: &Element| {
        let (jid, _) = element.attr(name)?.split_once('/').unwrap_or((element.attr(name)?, ""));
        BareJid::from_str(jid).ok().map(|jid| jid.to_string())
    };
    let inner = unwrapped(element);
    let wrapped = !std::ptr::eq(inner, element);
    if inner.name() != "message" || wrapped && bare("from", element).is_some_and(|from| from != account) {
        return None;
    }
    let content = |child: &Element| matches!(child.name(), "body" | "encrypted");
    if inner.attr("type") == Some("error") || !inner.children().any(content) {
        return None;
    }
    let sender = bare("from", inner)?;
    let own = sender == account;
    let chat = if own { bare("to", inner)? } else { sender.clone() };
    Some(Letter { chat, sender, own })
}

/// The message inside of a carbon or an archive result, else the stanza itself.
fn unwrapped(element: &Element) -> &Element {
    let carried =
        |inner: &Element| inner.is("result", MAM) || inner.is("received", CARBONS) || inner.is("sent", CARBONS);
    element
        .children()
        .find(|child| carried(child))
        .and_then(|carrier| carrier.get_child("forwarded", FORWARD))
        .and_then(|forwarded| forwarded.children().find(|child| child.name() == "message"))
        .unwrap_or(element)
}

/// The fingerprint of a stanza as it was kept.
fn fingerprint_of(raw: &str) -> [u8; 32] {
    raw.parse().map_or_else(|_| Sha256::digest(raw).into(), |element| fingerprint(&element))
}

/// The same for a stanza that comes again another way: live, from the archive, as a carbon, late.
pub(super) fn fingerprint(element: &Element) -> [u8; 32] {
    let inner = unwrapped(element);
    let mut digest = Sha256::new();
    digest.update(inner.name());
    for name in ["from", "type"] {
        digest.update([0]);
        digest.update(inner.attr(name).unwrap_or_default());
    }
    for child in inner.children().filter(|child| !child.has_ns(DELAY) && !child.has_ns(STANZA_ID)) {
        digest.update([0]);
        digest.update(String::from(child));
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str =
        "<message xmlns='jabber:client' from='a@x/1' to='b@x' type='chat' id='7'><body>hi</body></message>";

    #[test]
    fn a_stanza_has_one_fingerprint_whichever_way_it_comes() {
        let live: Element = BARE.parse().unwrap();
        let late: Element =
            BARE.replace("</message>", "<delay xmlns='urn:xmpp:delay' stamp='x'/></message>").parse().unwrap();
        let kept: Element = format!(
            "<message xmlns='jabber:client' to='b@x/2'><result xmlns='urn:xmpp:mam:2' id='1' queryid='q'>
             <forwarded xmlns='urn:xmpp:forward:0'>{BARE}</forwarded></result></message>"
        )
        .parse()
        .unwrap();
        let other: Element = BARE.replace("hi", "ho").parse().unwrap();
        assert_eq!(fingerprint(&live), fingerprint(&late));
        assert_eq!(fingerprint(&live), fingerprint(&kept));
        assert_ne!(fingerprint(&live), fingerprint(&other));
    }

    #[test]
    fn a_forged_wrapper_gets_no_row() {
        let carbon = |from: &str| -> Element {
            format!(
                "<message xmlns='jabber:client' from='{from}'><received xmlns='urn:xmpp:carbons:2'>
                 <forwarded xmlns='urn:xmpp:forward:0'>{BARE}</forwarded></received></message>"
            )
            .parse()
            .unwrap()
        };
        assert!(letter(&carbon("b@x"), "b@x").is_some_and(|letter| letter.chat == "a@x" && !letter.own));
        assert!(letter(&carbon("evil@x"), "b@x").is_none());
    }
}
