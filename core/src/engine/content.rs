//! What a message says, whichever way it was sealed.

use super::chat_states;
use super::corrections;
use super::markers::{self, Marker};
use super::ns;
use super::reactions::{self, Reactions};
use super::receipts::{self, Receipt};
use super::retractions;
use super::room::spoken::Spoken;
use super::trust::messages::TrustMessage;
use super::xml::{Build, child_text, el};
use minidom::Element;

/// The longest id of a message that is taken: as long as those that we store.
const LONGEST_ID: usize = 1024;

/// The payload elements that we know.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Content {
    /// The text (RFC 6121 section 5.2.3).
    pub body: Option<String>,
    /// The message that it answers (XEP-0461).
    pub reply: Option<Reply>,
    /// The message whose text this one takes the place of (XEP-0308).
    pub replaces: Option<String>,
    /// The message that is taken back (XEP-0424).
    pub retracts: Option<String>,
    /// What the sender thinks of a message (XEP-0444).
    pub reactions: Option<Reactions>,
    /// A delivery receipt, or the wish for one (XEP-0184).
    pub receipt: Option<Receipt>,
    /// That a message was displayed, or the wish to hear of it (XEP-0333).
    pub marker: Option<Marker>,
    /// Whether the sender types now (XEP-0085).
    pub typing: Option<bool>,
    /// Who is to trust which keys (XEP-0434). It counts only where it was sealed.
    pub trust: Option<TrustMessage>,
    /// Who was asked into a room or taken out of it. It counts only where it was sealed.
    pub members: Option<Spoken>,
}

/// The message that another one answers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Reply {
    /// Its sender's id of it.
    pub id: String,
    /// Who wrote it; empty if not said.
    pub to: String,
}

impl Content {
    /// A text and nothing else.
    pub(crate) fn text(body: &str) -> Self {
        Content { body: Some(body.to_owned()), ..Content::default() }
    }

    /// Reads the children of a stanza or of an envelope's `<content/>`. What only servers may say is not among what is read
    /// (XEP-0420 section 8).
    pub(crate) fn of(parent: &Element) -> Self {
        let reply = parent
            .get_child("reply", ns::REPLY)
            .and_then(|reply| Some(Reply { id: id_of(reply)?, to: reply.attr("to").unwrap_or_default().to_owned() }));
        Content {
            body: child_text(parent, "body", ns::CLIENT),
            reply,
            replaces: corrections::read(parent),
            retracts: retractions::read(parent),
            reactions: reactions::read(parent),
            receipt: receipts::read(parent),
            marker: markers::read(parent),
            typing: chat_states::read(parent),
            trust: TrustMessage::of(parent),
            members: Spoken::of(parent),
        }
    }

    /// The elements to be sealed.
    pub(crate) fn elements(&self) -> Vec<Element> {
        let trust = self.trust.iter().map(TrustMessage::element);
        let members = self.members.iter().map(Spoken::element);
        self.in_clear().into_iter().chain(trust).chain(members).collect()
    }

    /// The elements that may go in plain text where a person allowed that. Words on keys and on members never do.
    pub(crate) fn in_clear(&self) -> Vec<Element> {
        let body = self.body.iter().map(|body| el("body", ns::CLIENT).words(body));
        body.chain(self.extras()).collect()
    }

    /// The elements beside the text: what version 0.3 cannot seal.
    pub(crate) fn extras(&self) -> Vec<Element> {
        let reply = self.reply.iter().map(|reply| el("reply", ns::REPLY).at("id", &*reply.id).at("to", &*reply.to));
        reply
            .chain(self.replaces.as_deref().map(corrections::element))
            .chain(self.retracts.as_deref().map(retractions::element))
            .chain(self.reactions.as_ref().map(reactions::element))
            .chain(self.receipt.as_ref().map(receipts::element))
            .chain(self.marker.as_ref().map(markers::element))
            .chain(self.typing.map(chat_states::element))
            .collect()
    }
}

/// The id that an element names, if it can be one.
pub(crate) fn id_of(element: &Element) -> Option<String> {
    element.attr("id").filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).map(str::to_owned)
}
