//! Payloads: sealed once for all devices, refused when touched.
#![allow(clippy::unwrap_used)]

mod device;

use device::{BOTH, acquainted};
use dunnock_omemo::{Error, Incoming, Version, payload};

#[test]
fn a_payload_opens_with_its_key_material_only() {
    let mut random = rand::rng();
    for version in BOTH {
        for size in [0, 1, 15, 16, 17, 4096] {
            let clear = vec![7; size];
            let (sealed, key) = payload::encrypt(version, &clear, &mut random);
            let (data, iv) = (sealed.data.unwrap(), sealed.iv.map(Vec::from).unwrap_or_default());
            assert_eq!(key.len(), if version == Version::V03 { 32 } else { 48 });
            assert_eq!(*payload::decrypt(version, &key, &iv, &data).unwrap(), clear);
            let (_, other) = payload::encrypt(version, &clear, &mut random);
            assert_eq!(payload::decrypt(version, &other, &iv, &data).err(), Some(Error::Forged));
        }
    }
}

#[test]
fn a_flipped_byte_of_payload_tag_key_or_iv_is_refused() {
    let mut random = rand::rng();
    for version in BOTH {
        let (sealed, key) = payload::encrypt(version, b"Parting is such sweet sorrow", &mut random);
        let (data, iv) = (sealed.data.unwrap(), sealed.iv.map(Vec::from).unwrap_or_default());
        for (part, bytes) in [&key[..], &iv, &data].into_iter().enumerate() {
            for position in 0..bytes.len() {
                let mut parts = [key.to_vec(), iv.clone(), data.clone()];
                parts[part][position] ^= 1;
                assert_eq!(payload::decrypt(version, &parts[0], &parts[1], &parts[2]).err(), Some(Error::Forged));
            }
        }
    }
}

#[test]
fn wrong_sizes_are_malformed() {
    let mut random = rand::rng();
    for version in BOTH {
        let (sealed, key) = payload::encrypt(version, b"words", &mut random);
        let (data, iv) = (sealed.data.unwrap(), sealed.iv.map(Vec::from).unwrap_or_default());
        for size in (0..key.len()).chain([key.len() + 1]) {
            let mut key = key.to_vec();
            key.resize(size, 0);
            assert_eq!(payload::decrypt(version, &key, &iv, &data).err(), Some(Error::Malformed), "{size}");
        }
        if version == Version::V03 {
            for size in [0, 8, 11, 13, 15, 17] {
                assert_eq!(payload::decrypt(version, &key, &vec![0; size], &data).err(), Some(Error::Malformed));
            }
        }
    }
}

#[test]
fn an_empty_message_has_the_key_material_of_its_version_and_no_payload() {
    let mut random = rand::rng();
    let (sealed, key) = payload::empty(Version::V2, &mut random);
    assert!(sealed.data.is_none() && sealed.iv.is_none());
    assert_eq!(key.as_slice(), &[0; 32]);
    let (sealed, key) = payload::empty(Version::V03, &mut random);
    assert!(sealed.data.is_none() && sealed.iv.is_some());
    assert_eq!(key.len(), 16);
    assert_ne!(key.as_slice(), &[0; 16]);
}

#[test]
fn an_empty_message_goes_through_a_session_and_turns_its_ratchet() {
    let mut random = rand::rng();
    for version in BOTH {
        let (juliet, romeo) = acquainted(version);
        let (_, material) = payload::empty(version, &mut random);
        let (sent, change) = juliet.current().encrypt(&material, &mut random).unwrap();
        assert!(!change.session.turn_is_due());
        let message = Incoming::parse(version, sent.key_exchange, &sent.data).unwrap();
        let (read, change) = romeo.current().decrypt(&message, None).unwrap();
        assert_eq!(read.key_material, material);
        assert!(change.session.turn_is_due(), "the answer shows a new ratchet key");
        // What an empty message carries opens no payload in 0.3: there is a key, but no tag.
        if version == Version::V03 {
            assert_eq!(payload::decrypt(version, &read.key_material, &[0; 12], b"words").err(), Some(Error::Malformed));
        }
    }
}

#[test]
fn a_payload_under_the_zero_key_of_empty_messages_is_refused() {
    // Version 2 says 32 zero bytes where there is no payload; a payload beside them has no tag to hold it.
    let (_, material) = payload::empty(Version::V2, &mut rand::rng());
    for data in [&b""[..], &[0; 16], &[7; 48]] {
        assert_eq!(payload::decrypt(Version::V2, &material, b"", data).err(), Some(Error::Malformed));
    }
}

#[test]
fn a_tampered_payload_leaves_the_session_able_to_read_the_true_one() {
    let mut random = rand::rng();
    for version in BOTH {
        let (juliet, romeo) = acquainted(version);
        let (sealed, material) = payload::encrypt(version, b"the true words", &mut random);
        let (data, iv) = (sealed.data.unwrap(), sealed.iv.map(Vec::from).unwrap_or_default());
        let (sent, _) = juliet.current().encrypt(&material, &mut random).unwrap();
        let message = Incoming::parse(version, sent.key_exchange, &sent.data).unwrap();
        let before = romeo.stored();
        let mut tampered = data.clone();
        tampered[0] ^= 1;
        // The key holds, the payload does not: whoever drops the change can read again.
        let (read, _) = romeo.current().decrypt(&message, None).unwrap();
        assert_eq!(payload::decrypt(version, &read.key_material, &iv, &tampered).err(), Some(Error::Forged));
        assert!(before == romeo.stored());
        let (read, _) = romeo.current().decrypt(&message, None).unwrap();
        assert_eq!(*payload::decrypt(version, &read.key_material, &iv, &data).unwrap(), b"the true words");
    }
}
