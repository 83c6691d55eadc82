//! Requests to us (RFC 6120 section 8.2.3): each gets an answer, an unknown one an error.

use super::xml::{Build, el};
use super::{Ctx, blocking, disco, ns, ping, roster, want};
use crate::error::Result;
use minidom::Element;

/// What a request is answered with.
pub(crate) enum Outcome {
    /// A result, empty or with a payload.
    Result(Option<Element>),
    /// An error: its type and condition.
    Error(&'static str, &'static str),
    /// Nothing: it was not for us to answer.
    Silence,
}

/// An iq arrived.
pub(crate) fn arrived(ctx: &mut Ctx, iq: &Element) -> Result<()> {
    match iq.attr("type") {
        Some("result" | "error") => want::answered(ctx, iq),
        Some(kind @ ("get" | "set")) => {
            let outcome = request(ctx, iq, kind == "set")?;
            reply(ctx, iq, outcome)
        }
        _ => reply(ctx, iq, Outcome::Error("modify", "bad-request")),
    }
}

fn request(ctx: &mut Ctx, iq: &Element, set: bool) -> Result<Outcome> {
    let mut children = iq.children();
    let (Some(payload), None) = (children.next(), children.next()) else {
        return Ok(Outcome::Error("modify", "bad-request"));
    };
    match (payload.name(), payload.ns().as_str(), set) {
        ("ping", ns::PING, false) => Ok(ping::asked()),
        ("query", ns::DISCO_INFO, false) => Ok(disco::asked(payload)),
        ("query", ns::ROSTER, true) => roster::pushed(ctx, iq, payload),
        ("block" | "unblock", ns::BLOCKING, true) => blocking::pushed(ctx, iq, payload),
        // XEP-0092 would tell strangers what we run: no answer but the one that every unknown request gets.
        _ => Ok(Outcome::Error("cancel", "service-unavailable")),
    }
}

fn reply(ctx: &mut Ctx, iq: &Element, outcome: Outcome) -> Result<()> {
    let Some(id) = iq.attr("id") else { return ctx.tx.count("iq_without_id") };
    let answer = |kind: &str| el("iq", ns::CLIENT).at("type", kind).at("id", id).at_opt("to", iq.attr("from"));
    let stanza = match outcome {
        Outcome::Silence => return Ok(()),
        Outcome::Result(payload) => answer("result").kids(payload),
        Outcome::Error(kind, condition) => {
            answer("error").kid(el("error", ns::CLIENT).at("type", kind).kid(el(condition, ns::STANZAS)))
        }
    };
    ctx.send(&stanza)
}
