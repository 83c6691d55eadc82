//! Stanza Content Encryption (XEP-0420): the envelope inside an OMEMO 2 message.

use super::content::Content;
use super::trust::view;
use super::xml::{Build, bare_of, el, parse_foreign};
use super::{Ctx, ns};
use crate::error::Result;
use crate::model::Time;
use rand::RngExt as _;

/// Envelopes are padded to multiples of this many bytes: a few random characters (XEP-0420 section 4.1.1) would tell the
/// length of what is said often.
const STEP: usize = 256;
/// Of long envelopes the length may tell one part in so many, so that padding adds no more than that.
const PARTS: usize = 8;

/// What an envelope said, and whether its own words agree with the stanza around it.
pub(crate) struct Opened {
    pub content: Content,
    pub time: Option<i64>,
    /// How its sender sees the list of their own devices.
    pub list: Option<[u8; 32]>,
}

/// Puts content into an envelope of ours. It names the recipient too, so that no server files the copy for our own devices
/// under somebody else.
pub(crate) fn wrap(ctx: &mut Ctx, content: &Content, recipient: &str, time: i64) -> Result<Vec<u8>> {
    let list = view::element(ctx, recipient)?;
    let mut envelope = |padding: usize| {
        let padding: String = (0..padding).map(|_| ctx.rng.random_range('a'..='z')).collect();
        let envelope = el("envelope", ns::SCE)
            .kid(el("content", ns::SCE).kids(content.elements()).kids(list.clone()))
            .kid(el("rpad", ns::SCE).words(padding))
            .kid(el("time", ns::SCE).at("stamp", Time(time).to_string()))
            .kid(el("from", ns::SCE).at("jid", ctx.bare()))
            .kid(el("to", ns::SCE).at("jid", recipient));
        super::xml::bytes(&envelope)
    };
    // One character at least: an element without any is written in another form.
    let least = envelope(1).len();
    Ok(envelope(1 + bucket(least) - least))
}

/// The size to which an envelope of this size is padded.
fn bucket(size: usize) -> usize {
    size.next_multiple_of(STEP.max(size.next_power_of_two() / (2 * PARTS)))
}

/// Opens an envelope of `sender` in the chat with `chat`. The envelope must name its sender (XEP-0384 section 4.5);
/// a recipient that it names must be the one of the stanza.
pub(crate) fn unwrap(clear: &[u8], sender: &str, recipient: &str) -> std::result::Result<Opened, &'static str> {
    let envelope = parse_foreign(clear).filter(|envelope| envelope.is("envelope", ns::SCE)).ok_or("malformed")?;
    let twice = |name: &str| envelope.children().filter(|child| child.is(name, ns::SCE)).count() > 1;
    if ["from", "to", "time", "content"].into_iter().any(twice) {
        return Err("malformed");
    }
    let names =
        |name: &str| envelope.get_child(name, ns::SCE).map(|child| bare_of(child, "jid").map(|jid| jid.to_string()));
    if names("from").flatten().as_deref() != Some(sender)
        || names("to").is_some_and(|to| to.as_deref() != Some(recipient))
    {
        return Err("envelope_mismatch");
    }
    let content = envelope.get_child("content", ns::SCE).ok_or("malformed")?;
    let time = envelope.get_child("time", ns::SCE).and_then(|time| time.attr("stamp")).and_then(Time::parse);
    Ok(Opened { content: Content::of(content), time: time.map(|time| time.0), list: view::read(content) })
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet};
    use super::*;

    #[test]
    fn the_length_of_an_envelope_tells_a_bucket_and_no_more() {
        juliet(|ctx| {
            let mut sizes = std::collections::BTreeSet::new();
            for length in 0..2_000 {
                let text = "&".repeat(length % 7) + &"x".repeat(length);
                let clear = wrap(ctx, &Content::text(&text), ROMEO, 0).unwrap();
                assert_eq!(clear.len(), bucket(clear.len()), "{length}");
                let own = ctx.bare();
                assert_eq!(unwrap(&clear, &own, ROMEO).unwrap().content.body.as_deref(), Some(text.as_str()));
                sizes.insert(clear.len());
            }
            assert!(sizes.len() <= 10, "{sizes:?}");
        });
    }

    #[test]
    fn padding_adds_at_most_one_part_in_eight_and_never_more_than_a_small_step() {
        for size in 1..100_000 {
            let padded = bucket(size);
            assert!(padded >= size && (padded - size < STEP || (padded - size) * PARTS < size), "{size} to {padded}");
        }
    }

    #[test]
    fn padding_of_any_length_is_accepted() {
        let long = "z".repeat(50_000);
        for padding in ["", "z", &long] {
            let clear = format!(
                "<envelope xmlns='urn:xmpp:sce:1'><content><body xmlns='jabber:client'>hi</body></content>
                 <rpad>{padding}</rpad><from jid='{ROMEO}'/></envelope>"
            );
            assert_eq!(unwrap(clear.as_bytes(), ROMEO, "x@y").unwrap().content.body.as_deref(), Some("hi"));
        }
        let without = "<envelope xmlns='urn:xmpp:sce:1'><content/><from jid='a@b'/></envelope>";
        assert!(unwrap(without.as_bytes(), "a@b", "x@y").is_ok());
    }
}
