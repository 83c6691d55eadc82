//! Bytes from anywhere: parsers answer with an error or a value, never with a panic, and values are canonical.
#![allow(clippy::unwrap_used)]

mod device;

use device::{BOTH, acquainted};
use dunnock_omemo::{IdentityKey, Incoming, PreKeyPair, Session, SignedPreKeyPair, Version, payload};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A real message or state with some bytes changed, some cut out and some put in.
fn damaged(seed: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), any::<u8>(), 0..3u8), 1..6);
    edits.prop_map(move |edits| {
        let mut bytes = seed.clone();
        for (place, value, kind) in edits {
            let place = place.index(bytes.len().max(1));
            match kind {
                0 if place < bytes.len() => bytes[place] = value,
                1 if place < bytes.len() => drop(bytes.remove(place)),
                _ => bytes.insert(place, value),
            }
        }
        bytes
    })
}

fn real(version: Version) -> [Vec<u8>; 3] {
    let (mut juliet, _) = acquainted(version);
    let message = juliet.says("words").data;
    let mut mercutio = device::Device::new(version, 3);
    mercutio.begin(&juliet.bundle()).unwrap();
    [message, mercutio.says("hello").data, juliet.sessions[0].session.clone()]
}

fn parse_everything(bytes: &[u8]) {
    for version in BOTH {
        for key_exchange in [false, true] {
            let _ = Incoming::parse(version, key_exchange, bytes);
        }
        let _ = IdentityKey::from_wire(version, bytes);
        let _ = version.decode_public(bytes);
        for size in [0, 12, 16, 32, 48] {
            let (key, rest) = bytes.split_at(bytes.len().min(size));
            let _ = payload::decrypt(version, key, &[0; 12], rest);
        }
    }
    if let Ok(session) = Session::from_bytes(bytes) {
        assert_eq!(session.to_bytes().as_slice(), bytes, "one spelling for one state");
    }
    if let Ok(pair) = PreKeyPair::from_bytes(bytes) {
        assert_eq!(pair.to_bytes().as_slice(), bytes);
    }
    if let Ok(pair) = SignedPreKeyPair::from_bytes(bytes) {
        assert_eq!(pair.to_bytes().as_slice(), bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        parse_everything(&bytes);
    }

    #[test]
    fn damaged_messages_and_states_never_panic(
        bytes in BOTH.into_iter().flat_map(real).map(|seed| damaged(seed).boxed()).fold(Just(Vec::new()).boxed(), |all, one| prop_oneof![3 => all, 1 => one].boxed())
    ) {
        parse_everything(&bytes);
    }
}
