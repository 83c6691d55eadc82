//! Verification by an `xmpp:` address that was read off the other device, as text or as a QR code.
//!
//! Two forms are read: `xmpp:JID?omemo-sid-ID=FINGERPRINT;…`, which Conversations, Dino, Monal and Gajim show, with the
//! fingerprint of XEP-0384 section 8 (Curve25519, the same in both versions), and the trust message of XEP-0434 section 8,
//! `xmpp:JID?trust-message;encryption=NAMESPACE;trust=KEY;distrust=KEY`. Keys are hexadecimal.

use super::super::{Ctx, omemo};
use super::{decision, vouching};
use crate::command::Reply;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Trust;
use crate::store::trust::Word;
use dunnock_omemo::IdentityKey;

/// More keys in one address are not read off a device.
const MOST: usize = 64;

/// What an address says of one key.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    /// The device that has it, if that is said.
    device: Option<u32>,
    key: [u8; 32],
    trusts: bool,
}

/// A person read this address off another device: what it says is their word. A key other than the one that a device shows
/// here is a contradiction, and nothing is changed.
pub(crate) fn verify(ctx: &mut Ctx, uri: &str) -> Result<Reply> {
    let (jid, claims) = read(uri)
        .ok_or_else(|| Error::about(ErrorKind::InvalidInput, "uri, as xmpp:NAME@SERVER?omemo-sid-ID=FINGERPRINT"))?;
    let jid = crate::address::bare(&jid)?.to_string();
    let own = jid == ctx.me.jid.as_str();
    for claim in &claims {
        let Some(device) = claim.device else { continue };
        let shown = match own && device == ctx.me.device {
            true => Some(ctx.me.identity.public().montgomery()),
            false => ctx.tx.device(&jid, device)?.and_then(|row| row.identity),
        };
        if shown.is_some_and(|shown| shown != claim.key) {
            return Err(Error::about(ErrorKind::KeyContradiction, device.to_string()));
        }
    }
    for claim in claims {
        if own && decision::is_ours(ctx, &claim.key) {
            continue;
        }
        let trust = if claim.trusts { Trust::Verified } else { Trust::Distrusted };
        decision::of_key(ctx, &jid, &claim.key, Word { trust, said: ctx.now.wall })?;
        vouching::tell(ctx, &jid, &claim.key, claim.trusts)?;
    }
    Ok(Reply::Verified { jid })
}

fn read(uri: &str) -> Option<(String, Vec<Claim>)> {
    let (scheme, rest) = uri.trim().split_once(':')?;
    if !scheme.eq_ignore_ascii_case("xmpp") {
        return None;
    }
    let (jid, query) = rest.split_once('?')?;
    let jid = decoded(jid.trim_start_matches("//"))?;
    let mut claims = Vec::new();
    let mut words = query.split([';', '&']);
    let message = query.starts_with("trust-message");
    if message {
        words.next();
    }
    for word in words {
        let Some((name, value)) = word.split_once('=') else { continue };
        let name = name.to_ascii_lowercase();
        let claim = match (message, name.as_str()) {
            (true, "trust" | "distrust") => Claim { device: None, key: key(value)?, trusts: name == "trust" },
            (false, name) if name.starts_with("omemo-sid-") => {
                Claim { device: Some(name["omemo-sid-".len()..].parse().ok()?), key: key(value)?, trusts: true }
            }
            _ => continue,
        };
        claims.push(claim);
    }
    let sound = (1..=MOST).contains(&claims.len()) && claims.iter().all(|claim| fits(claim, &claims));
    sound.then_some((jid, claims))
}

/// Whether this can be true beside all others: a device has one key, a key is worth one thing, and both can exist.
fn fits(claim: &Claim, all: &[Claim]) -> bool {
    let exists = IdentityKey::from_curve25519(&claim.key).is_ok() || IdentityKey::from_ed25519(&claim.key).is_ok();
    let agrees = |other: &Claim| {
        let one_key = claim.device.is_none() || claim.device != other.device || claim.key == other.key;
        one_key && (claim.key != other.key || claim.trusts == other.trusts)
    };
    exists && claim.device.is_none_or(omemo::is_device_id) && all.iter().all(agrees)
}

/// 64 hexadecimal digits; dashes and spaces between them, which some clients put there, do not matter.
pub(crate) fn key(text: &str) -> Option<[u8; 32]> {
    let text = decoded(text)?;
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'-' | b' ' | b':')).collect();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

/// Undoes percent encoding (RFC 5122 section 2).
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let pair = [bytes.next()?, bytes.next()?];
        let pair = std::str::from_utf8(&pair).ok()?;
        out.push(u8::from_str_radix(pair, 16).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::roster::tests::{ROMEO, juliet};
    use super::*;
    use crate::store::device::DeviceRow;
    use dunnock_omemo::Identity;

    fn print(seed: u8) -> String {
        Identity::from_seed(&[seed; 32]).public().fingerprint()
    }

    fn row(device: u32, seed: u8) -> DeviceRow {
        let key = Identity::from_seed(&[seed; 32]).public();
        let (identity, signing) = (Some(key.montgomery()), key.ed25519());
        DeviceRow { identity, signing, listed2: true, ..DeviceRow::unknown(ROMEO, device) }
    }

    #[test]
    fn both_forms_of_address_are_read_as_other_clients_write_them() {
        let (one, two) = (print(1), print(2));
        let (jid, claims) =
            read(&format!("xmpp:romeo%40x@montague.example?omemo-sid-5={one};omemo-sid-6={two}")).unwrap();
        assert_eq!((jid.as_str(), claims.len(), claims[1].device), ("romeo@x@montague.example", 2, Some(6)));
        let dashed: Vec<&str> = one.as_bytes().chunks(8).map(|part| std::str::from_utf8(part).unwrap()).collect();
        let (_, again) = read(&format!("XMPP:a@b?omemo-sid-5={}", dashed.join("-").to_uppercase())).unwrap();
        assert_eq!(again[0].key, claims[0].key);
        let uri = format!("xmpp:a@b?trust-message;encryption=urn:xmpp:omemo:2;trust={one};distrust={two}");
        let (_, claims) = read(&uri).unwrap();
        assert_eq!(claims.iter().map(|claim| claim.trusts).collect::<Vec<_>>(), [true, false]);
        let zero = "0".repeat(64);
        for wrong in [
            "".to_owned(),
            "xmpp:a@b".to_owned(),
            "xmpp:a@b?join".to_owned(),
            "http://a".to_owned(),
            "xmpp:a@b?omemo-sid-5=12".to_owned(),
            format!("xmpp:a@b?omemo-sid-x={one}"),
            format!("xmpp:a@b?omemo-sid-0={one}"),
            format!("xmpp:a@b?omemo-sid-2147483648={one}"),
            format!("xmpp:a@b?omemo-sid-5={zero}"),
            format!("xmpp:a@b?omemo-sid-5={one};omemo-sid-5={two}"),
            format!("xmpp:a@b?trust-message;encryption=urn:xmpp:omemo:2;trust={one};distrust={one}"),
        ] {
            assert!(read(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_address_verifies_a_device_that_is_there_and_one_that_comes_later() {
        juliet(|ctx| {
            ctx.tx.put_device(&row(5, 1)).unwrap();
            verify(ctx, &format!("xmpp:{ROMEO}?omemo-sid-5={};omemo-sid-6={}", print(1), print(2))).unwrap();
            assert_eq!(ctx.tx.device(ROMEO, 5).unwrap().unwrap().trust, Trust::Verified);
            let mut later = row(6, 2);
            decision::recall(ctx, &mut later).unwrap();
            assert_eq!(later.trust, Trust::Verified);
        });
    }

    #[test]
    fn an_address_that_contradicts_what_a_device_shows_changes_nothing() {
        juliet(|ctx| {
            ctx.tx.put_device(&row(5, 1)).unwrap();
            let error = verify(ctx, &format!("xmpp:{ROMEO}?omemo-sid-6={};omemo-sid-5={}", print(2), print(3)));
            assert_eq!(error.err().unwrap().kind, ErrorKind::KeyContradiction);
            assert_eq!(ctx.tx.device(ROMEO, 5).unwrap().unwrap().trust, Trust::Undecided);
            let mut later = row(6, 2);
            assert!(!decision::recall(ctx, &mut later).unwrap());
        });
    }
}
