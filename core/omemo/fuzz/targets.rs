//! What is fuzzed: every parser, arbitrary bytes to a live session, and arbitrary talks.
//!
//! The same functions serve libFuzzer and the ordinary test that replays the corpus. Each takes any bytes, panics where
//! the crate is wrong, and tells whether the bytes meant anything: the replay demands inputs of both kinds.

use std::sync::LazyLock;

use dunnock_omemo::{
    Bundle, Encrypted, Error, Identity, IdentityKey, Incoming, PreKeyPair, Session, SignedPreKeyPair, Version,
    generate_pre_keys, payload, sign_pre_key,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::device::{BOTH, Device, acquainted};
use super::world::{Step, World};

/// A target: its name, which is its corpus's folder too, and its function.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets.
pub const ALL: [Target; 7] = [
    ("messages", messages),
    ("keys", keys),
    ("stored", stored),
    ("payloads", payloads),
    ("bundles", bundles),
    ("session", session),
    ("talk", talk),
];

/// The version in the lowest bit of the first byte, that byte's other bits, and the rest.
fn split(bytes: &[u8]) -> Option<(Version, u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((BOTH[usize::from(first & 1)], first >> 1, rest))
}

fn random() -> StdRng {
    StdRng::seed_from_u64(1)
}

/// What stands in `<key/>`: plain messages and key exchanges.
pub fn messages(bytes: &[u8]) -> bool {
    let Some((version, choice, rest)) = split(bytes) else { return false };
    let Ok(message) = Incoming::parse(version, choice & 1 == 1, rest) else { return false };
    assert_eq!((message.version(), message.key_exchange().is_some()), (version, choice & 1 == 1));
    if let Some(exchange) = message.key_exchange() {
        let wire = exchange.identity.to_wire(version).expect("it came off this wire");
        assert!(IdentityKey::from_wire(version, &wire).is_ok_and(|again| again == exchange.identity));
    }
    true
}

/// Public keys in all their forms.
pub fn keys(bytes: &[u8]) -> bool {
    let mut any = false;
    for version in BOTH {
        if let Ok(key) = version.decode_public(bytes) {
            assert_eq!(version.encode_public(&key), bytes);
        }
        if let Ok(key) = IdentityKey::from_wire(version, bytes) {
            any = true;
            assert_eq!(key.to_wire(version).as_deref(), Some(bytes), "one spelling for one key");
            assert_eq!(key.fingerprint().len(), 64);
            let old = IdentityKey::from_curve25519(&key.montgomery()).expect("both forms are sound or none");
            assert!(old == key);
        }
    }
    any
}

/// Sessions and pre-keys as rows; a session that is read is used as well.
pub fn stored(bytes: &[u8]) -> bool {
    let pair = PreKeyPair::from_bytes(bytes);
    if let Ok(pair) = &pair {
        assert_eq!(pair.to_bytes().as_slice(), bytes, "one spelling for one state");
    }
    let signed = SignedPreKeyPair::from_bytes(bytes);
    if let Ok(pair) = &signed {
        assert_eq!(pair.to_bytes().as_slice(), bytes, "one spelling for one state");
    }
    let Ok(session) = Session::from_bytes(bytes) else { return pair.is_ok() || signed.is_ok() };
    assert_eq!(session.to_bytes().as_slice(), bytes, "one spelling for one state");
    if let Ok((sent, change)) = session.encrypt(b"words", &mut random()) {
        Session::from_bytes(&change.session.to_bytes()).map(drop).expect("what is written can be read");
        // Our own words back to us: a session may refuse them in its own way.
        if let Ok(message) = Incoming::parse(session.version(), sent.key_exchange, &sent.data) {
            let _ = session.decrypt(&message, None);
        }
    }
    assert_eq!(session.to_bytes().as_slice(), bytes, "an operation leaves its session as it was");
    true
}

/// Payloads: the bytes as one, with key and IV, and the bytes as what is sealed.
pub fn payloads(bytes: &[u8]) -> bool {
    let Some((version, choice, rest)) = split(bytes) else { return false };
    let (sealed, material) = payload::encrypt(version, rest, &mut random());
    let iv = sealed.iv.map(Vec::from).unwrap_or_default();
    let data = sealed.data.expect("there is a payload");
    assert_eq!(payload::decrypt(version, &material, &iv, &data).expect("its own payload opens").as_slice(), rest);

    let (material, rest) = rest.split_at(rest.len().min([0, 16, 32, 48][usize::from(choice & 3)]));
    let (iv, data) = rest.split_at(rest.len().min([0, 12, 16, 8][usize::from(choice >> 2 & 3)]));
    payload::decrypt(version, material, iv, data).is_ok()
}

/// Bundles: identity, signed pre-key and its id, signature, then one-time pre-keys with their ids.
pub fn bundles(bytes: &[u8]) -> bool {
    let Some((version, _, rest)) = split(bytes) else { return false };
    let Some(bundle) = bundle_from(version, rest) else { return false };
    let verified = bundle.verify(version);
    let begun = Session::initiate(version, &Identity::from_seed(&[1; 32]), &bundle, &mut random());
    match begun {
        Ok(session) => {
            assert_eq!(verified, Ok(()), "nobody is written to by a bundle that does not hold");
            assert!(session.encrypt(b"words", &mut random()).is_ok());
            true
        }
        Err(error) => {
            let one_of_its_keys = matches!(error, Error::WeakKey | Error::IdentityMismatch);
            assert!(verified == Err(error) || one_of_its_keys, "{error}");
            false
        }
    }
}

fn bundle_from(version: Version, bytes: &[u8]) -> Option<Bundle> {
    let size = if version == Version::V03 { 33 } else { 32 };
    let (identity, rest) = bytes.split_at_checked(size)?;
    let (signed, rest) = rest.split_at_checked(size)?;
    let (id, rest) = rest.split_first_chunk()?;
    let (signature, rest) = rest.split_first_chunk()?;
    let pre_key = |bytes: &[u8]| {
        let (id, key) = bytes.split_first_chunk()?;
        Some((u32::from_be_bytes(*id), version.decode_public(key).ok()?))
    };
    Some(Bundle {
        identity: IdentityKey::from_wire(version, identity).ok()?,
        signed_pre_key: version.decode_public(signed).ok()?,
        signed_pre_key_id: u32::from_be_bytes(*id),
        signature: *signature,
        pre_keys: rest.chunks_exact(4 + size).filter_map(pre_key).collect(),
    })
}

/// The devices that arbitrary bytes come to, in each version: a stranger, one who has a session that began with a key
/// exchange, and one in the middle of a talk with keys kept for late messages.
static READERS: LazyLock<[[Device; 3]; 2]> = LazyLock::new(|| BOTH.map(|version| writers(version).map(|two| two.1)));

/// Those who write to them, and they.
fn writers(version: Version) -> [(Device, Device); 3] {
    let (mut juliet, stranger) = (Device::new(version, 1), Device::new(version, 2));
    juliet.begin(&stranger.bundle()).expect("the bundle is sound");
    let strangers = (juliet.clone(), stranger.clone());
    let mut greeted = (juliet, stranger);
    let hello = greeted.0.says("hello");
    greeted.1.reads(&hello).expect("it is for this device");
    let mut talking = acquainted(version);
    for turn in 0..7 {
        let lines = [0, 1, 2].map(|line| talking.0.says(&format!("turn {turn}, line {line}")));
        talking.1.reads(&lines[2]).expect("it is for this device");
        let answer = talking.1.says("yes");
        talking.0.reads(&answer).expect("it is for this device");
    }
    [strangers, greeted, talking]
}

/// Arbitrary bytes to a live session: refused without a trace, or read once.
pub fn session(bytes: &[u8]) -> bool {
    let Some((version, choice, rest)) = split(bytes) else { return false };
    let readers = &READERS[usize::from(version == Version::V2)];
    let mut reader = readers[usize::from(choice >> 1) % readers.len()].clone();
    let message = Encrypted { key_exchange: choice & 1 == 1, data: rest.to_vec() };
    let before = reader.stored();
    let read = reader.reads_bytes(&message).is_ok();
    assert_eq!(read, before != reader.stored(), "what is refused leaves no trace, what is read does");
    if read {
        let before = reader.stored();
        assert_eq!(reader.reads_bytes(&message).err(), Some(Error::AlreadyRead));
        assert!(before == reader.stored());
    }
    read
}

/// Pre-keys of each side in a talk; with the number of steps they bound its time.
const PRE_KEYS: u32 = 6;
/// Steps that are played of one input.
const STEPS: usize = 80;

static STRANGERS: LazyLock<[[Device; 2]; 2]> =
    LazyLock::new(|| BOTH.map(|version| World::new(version, PRE_KEYS).into_devices()));

/// Arbitrary steps of two devices, four bytes each: the outcome is what the model foretells.
pub fn talk(bytes: &[u8]) -> bool {
    let Some((version, _, rest)) = split(bytes) else { return false };
    let mut world = World::of(STRANGERS[usize::from(version == Version::V2)].clone());
    let (steps, _) = rest.as_chunks::<4>();
    for [what, place, byte, mask] in steps.iter().take(STEPS).copied() {
        let (side, place) = (usize::from(what & 1), usize::from(place));
        world.step(&match what >> 1 & 7 {
            0..=2 => Step::Says(side),
            3 | 4 => Step::Arrives(side, place),
            5 => Step::Repeats(side, place),
            6 => Step::ComesDamaged(side, place, usize::from(byte), mask.max(1)),
            _ if byte < 128 => Step::IsLost(side, place),
            _ => Step::Begins(side),
        });
    }
    world.ends();
    world.turns > 4
}

/// Inputs to begin with, each with its target's name: real messages, keys, rows, payloads, bundles and talks.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (index, version) in (0u8..).zip(BOTH) {
        let mut random = random();
        for (number, (mut writer, reader)) in (0u8..).zip(writers(version)) {
            for words in ["one", "two"] {
                let message = writer.says(words);
                let flag = u8::from(message.key_exchange);
                seeds.push(("messages", [&[index | flag << 1][..], &message.data].concat()));
                seeds.push(("session", [&[index | flag << 1 | number << 2][..], &message.data].concat()));
            }
            seeds.extend(reader.sessions.iter().map(|row| ("stored", row.session.clone())));
        }
        let device = Device::new(version, 2);
        seeds.push(("stored", device.signed.clone()));
        seeds.extend(device.pre_keys.values().take(1).map(|row| ("stored", row.clone())));
        seeds.push(("keys", device.identity().public().to_wire(version).expect("it has both forms")));

        let (sealed, material) = payload::encrypt(version, b"words", &mut random);
        let iv = sealed.iv.map(Vec::from).unwrap_or_default();
        let layout = if version == Version::V03 { 2 | 1 << 2 } else { 3 };
        let data = sealed.data.expect("there is a payload");
        seeds.push(("payloads", [&[index | layout << 1][..], &material, &iv, &data].concat()));

        let signed = sign_pre_key(version, &device.identity(), 7, &mut random);
        let public = |key: &[u8; 32]| version.encode_public(key);
        let mut bundle = vec![index];
        bundle.extend(device.identity().public().to_wire(version).expect("it has both forms"));
        bundle.extend(public(signed.public()));
        bundle.extend(7u32.to_be_bytes());
        bundle.extend(signed.signature());
        for pair in generate_pre_keys(&mut random, 1, 2) {
            bundle.extend(pair.id().to_be_bytes());
            bundle.extend(public(pair.public()));
        }
        seeds.push(("bundles", bundle));
        let steps: Vec<u8> = (0..24u8).flat_map(|step| [step.wrapping_mul(37), step, step << 3, 1]).collect();
        seeds.push(("talk", [&[index][..], &steps].concat()));
    }
    seeds
}
