//! Stanzas that are put aside: kept raw, to be tried again after an update, with an unreadable row where one was a message.

use crate::error::Result;
use crate::model::Sealing;
use crate::store::Tx;
use crate::store::message::NewMessage;
use crate::wire::Arrived;
use jid::BareJid;
use minidom::Element;
use sha2::{Digest, Sha256};
use std::str::FromStr;

const CARBONS: &str = "urn:xmpp:carbons:2";
const DELAY: &str = "urn:xmpp:delay";
const FORWARD: &str = "urn:xmpp:forward:0";
const MAM: &str = "urn:xmpp:mam:2";
const STANZA_ID: &str = "urn:xmpp:sid:0";

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
pub(super) fn unreadable(tx: &Tx, element: &Element, digest: &[u8; 32], now: i64) -> Result<()> {
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
pub(super) fn fingerprint_of(raw: &str) -> [u8; 32] {
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
