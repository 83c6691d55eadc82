//! Resource binding (RFC 6120 §7), where it is a step of its own.

use super::Settings;
use super::login::{address, resource};
use super::talk::Talk;
use super::xml::ns;
use crate::error::{Error, ErrorKind};
use jid::FullJid;
use minidom::Element;

/// Conditions that pass, whatever type the server gives them (RFC 6120 §7.6.2.1, §8.3.3).
const PASSING: [&str; 4] =
    ["resource-constraint", "internal-server-error", "service-unavailable", "remote-server-timeout"];

/// Binds this installation's resource; the server may have given another.
///
/// Errors: `ServerBusy` if it may do so later, `LoginRefused` if it does not, and those of [`address`] and [`Talk::answer`].
pub(super) async fn bind(talk: &mut Talk, settings: &Settings) -> Result<FullJid, Error> {
    let resource = resource(settings);
    let bind = format!("<bind xmlns='{}'><resource>{resource}</resource></bind>", ns::BIND);
    talk.say(&format!("<iq type='set' id='bind'>{bind}</iq>")).await?;
    let answer = talk.answer("bind").await?;
    if answer.attr("type") == Some("error") {
        return Err(refusal(&answer).into());
    }
    let jid = answer
        .children()
        .find(|child| child.is("bind", ns::BIND))
        .and_then(|bind| bind.children().find(|child| child.is("jid", ns::BIND)))
        .map(Element::text);
    address(jid, settings)
}

/// What an `iq` of type error means for the account: `wait` says in itself that it may be tried again.
fn refusal(iq: &Element) -> ErrorKind {
    let Some(error) = iq.children().find(|child| child.name() == "error") else { return ErrorKind::LoginRefused };
    let passing = |child: &Element| child.has_ns(ns::STANZA_ERRORS) && PASSING.contains(&child.name());
    if error.attr("type") == Some("wait") || error.children().any(passing) {
        ErrorKind::ServerBusy
    } else {
        ErrorKind::LoginRefused
    }
}
