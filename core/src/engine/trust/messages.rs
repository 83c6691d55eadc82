//! Trust Messages (XEP-0434): who is to trust or distrust which keys. They travel inside the envelope only.

use super::super::ns;
use super::super::xml::{Build, base64, el, to_base64};
use jid::BareJid;
use minidom::Element;

/// More keys in one message are not read.
const MOST: usize = 500;

/// What a trust message says of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// The key's owner.
    pub jid: String,
    /// Its Ed25519 form as on the wire of version 2, or its Montgomery form.
    pub key: [u8; 32],
    pub trusts: bool,
}

/// A trust message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TrustMessage {
    pub said: Vec<Said>,
}

impl TrustMessage {
    /// Reads the one among the children of a `<content/>`, if it is one for XEP-0450 about keys of OMEMO.
    pub(crate) fn of(content: &Element) -> Option<Self> {
        let message = content.get_child("trust-message", ns::TRUST_MESSAGE)?;
        let omemo = [ns::OMEMO2, ns::OMEMO03].into_iter().any(|known| message.attr("encryption") == Some(known));
        if message.attr("usage") != Some(ns::ATM) || !omemo {
            return None;
        }
        let mut said = Vec::new();
        for owner in message.children().filter(|child| child.is("key-owner", ns::TRUST_MESSAGE)) {
            let Some(jid) = owner.attr("jid").and_then(|jid| BareJid::new(jid).ok()) else { continue };
            for word in owner.children().filter(|child| matches!(child.name(), "trust" | "distrust")) {
                let key = base64(word.text().trim()).and_then(|key| <[u8; 32]>::try_from(key).ok());
                if let Some(key) = key.filter(|_| said.len() < MOST) {
                    said.push(Said { jid: jid.to_string(), key, trusts: word.name() == "trust" });
                }
            }
        }
        (!said.is_empty()).then_some(TrustMessage { said })
    }

    /// As it is sealed.
    pub(crate) fn element(&self) -> Element {
        let mut message = el("trust-message", ns::TRUST_MESSAGE).at("usage", ns::ATM).at("encryption", ns::OMEMO2);
        let mut owners: Vec<&str> = self.said.iter().map(|said| said.jid.as_str()).collect();
        owners.sort_unstable();
        owners.dedup();
        for owner in owners {
            let words = self.said.iter().filter(|said| said.jid == owner).map(|said| {
                let name = if said.trusts { "trust" } else { "distrust" };
                el(name, ns::TRUST_MESSAGE).words(to_base64(&said.key))
            });
            message = message.kid(el("key-owner", ns::TRUST_MESSAGE).at("jid", owner).kids(words));
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_message_is_read_as_it_is_written_and_others_are_left_alone() {
        let said = |jid: &str, key: u8, trusts: bool| Said { jid: jid.into(), key: [key; 32], trusts };
        let message = TrustMessage { said: vec![said("a@b", 1, true), said("a@b", 2, false), said("c@d", 3, true)] };
        let content = el("content", ns::SCE).kid(message.element());
        assert_eq!(TrustMessage::of(&content), Some(message.clone()));
        for (attribute, value) in [("usage", "urn:example"), ("encryption", "urn:xmpp:openpgp:0")] {
            let other = el("content", ns::SCE).kid(message.element().at(attribute, value));
            assert_eq!(TrustMessage::of(&other), None);
        }
    }
}
