//! Whatever is not exactly what the other side wrote is refused, and a refusal changes nothing.
#![allow(clippy::unwrap_used)]

mod device;

use device::{BOTH, Device, acquainted};
use dunnock_omemo::{
    Bundle, Encrypted, Error, Identity, IdentityKey, Incoming, PreKeyPair, Session, SignedPreKeyPair, Version,
    generate_pre_keys, sign_pre_key,
};

/// Every message that differs from the given one in one byte: lowest bit, highest bit, all bits.
fn flipped(message: &Encrypted) -> impl Iterator<Item = Encrypted> + '_ {
    (0..message.data.len()).flat_map(move |position| {
        [0x01, 0x80, 0xff].into_iter().map(move |mask| {
            let mut data = message.data.clone();
            data[position] ^= mask;
            Encrypted { key_exchange: message.key_exchange, data }
        })
    })
}

fn refuses_all(device: &mut Device, changed: impl Iterator<Item = Encrypted>) {
    let before = device.stored();
    let mut count = 0;
    for message in changed {
        assert!(device.reads(&message).is_err(), "change {count} was accepted");
        assert!(before == device.stored(), "change {count} left a trace");
        count += 1;
    }
    assert!(count > 150);
}

#[test]
fn a_flipped_byte_at_any_place_of_a_message_is_refused() {
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let new_chain = juliet.says("new chain");
        refuses_all(&mut romeo, flipped(&new_chain));
        assert_eq!(romeo.reads(&new_chain).unwrap(), "new chain");
        let skipped = juliet.says("skipped");
        let known_chain = juliet.says("known chain");
        refuses_all(&mut romeo, flipped(&known_chain));
        assert_eq!(romeo.reads(&known_chain).unwrap(), "known chain");
        refuses_all(&mut romeo, flipped(&skipped));
        assert_eq!(romeo.reads(&skipped).unwrap(), "skipped");
    }
}

#[test]
fn a_flipped_byte_at_any_place_of_a_key_exchange_is_refused_new_and_known() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let (first, second) = (juliet.says("first"), juliet.says("second"));
        refuses_all(&mut romeo, flipped(&first));
        assert_eq!(romeo.reads(&first).unwrap(), "first");
        refuses_all(&mut romeo, flipped(&second));
        assert_eq!(romeo.reads(&second).unwrap(), "second");
    }
}

#[test]
fn truncated_extended_and_empty_messages_are_refused() {
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let message = juliet.says("whole");
        let sizes = (0..message.data.len()).map(|size| message.data[..size].to_vec());
        let longer = [0x00, 0x08, 0xff].map(|byte| [&message.data[..], &[byte]].concat());
        let before = romeo.stored();
        for data in sizes.chain(longer) {
            assert!(romeo.reads(&Encrypted { key_exchange: false, data }).is_err());
        }
        assert!(before == romeo.stored());
        assert_eq!(romeo.reads(&message).unwrap(), "whole");
    }
}

#[test]
fn an_attribute_that_lies_about_the_key_exchange_is_refused() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let hello = juliet.says("hello");
        let plain = Encrypted { key_exchange: false, data: hello.data.clone() };
        assert!(romeo.reads(&plain).is_err());
        romeo.reads(&hello).unwrap();
        let answer = romeo.says("answer");
        assert!(juliet.reads(&Encrypted { key_exchange: true, data: answer.data.clone() }).is_err());
        assert!(juliet.reads(&answer).is_ok());
    }
}

#[test]
fn a_message_for_another_device_or_of_the_other_version_is_refused() {
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let message = juliet.says("for romeo");
        let mut mercutio = Device::new(version, 9);
        mercutio.begin(&juliet.bundle()).unwrap();
        let to_juliet = mercutio.says("hello");
        juliet.reads(&to_juliet).unwrap();
        assert_eq!(mercutio.reads(&message), Err(Error::Forged));
        // Nor does it go back to where it came from.
        juliet.sessions.rotate_left(1);
        assert_eq!(juliet.reads(&message), Err(Error::Forged));
        let other = if version == Version::V03 { Version::V2 } else { Version::V03 };
        assert_eq!(Incoming::parse(other, false, &message.data).err(), Some(Error::Malformed));
        assert!(romeo.reads(&message).is_ok());
    }
}

#[test]
fn a_swapped_identity_in_a_key_exchange_is_refused() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let (first, second) = (juliet.says("first"), juliet.says("second"));
        let find = juliet.identity().public().to_wire(version).unwrap();
        let swap = |message: &Encrypted, identity: &Identity| {
            let mut data = message.data.clone();
            let place = data.windows(find.len()).position(|window| window == find).unwrap();
            data[place..][..find.len()].copy_from_slice(&identity.public().to_wire(version).unwrap());
            Encrypted { key_exchange: true, data }
        };
        let mercutio = Device::new(version, 3).identity();
        assert_eq!(romeo.reads(&swap(&first, &mercutio)), Err(Error::Forged));
        assert_eq!(romeo.reads(&swap(&first, &romeo.identity())), Err(Error::IdentityMismatch));
        romeo.reads(&first).unwrap();
        assert_eq!(romeo.reads(&swap(&second, &mercutio)), Err(Error::IdentityMismatch));
        romeo.reads(&second).unwrap();
    }
}

#[test]
fn a_device_does_not_begin_a_session_with_itself() {
    for version in BOTH {
        let mut juliet = Device::new(version, 1);
        let own = juliet.bundle();
        assert_eq!(juliet.begin(&own), Err(Error::IdentityMismatch));
    }
}

#[test]
fn a_bundle_whose_parts_do_not_belong_together_is_refused() {
    for version in BOTH {
        let (mut juliet, romeo) = (Device::new(version, 1), Device::new(version, 2));
        let good = romeo.bundle();
        let other = Device::new(version, 3).bundle();
        let mut refuses = |error: Error, change: &dyn Fn(&mut Bundle)| {
            let mut bundle = good.clone();
            change(&mut bundle);
            assert_eq!(juliet.begin(&bundle), Err(error));
            assert!(juliet.sessions.is_empty());
        };
        refuses(Error::BadSignature, &|bundle| bundle.identity = other.identity);
        refuses(Error::BadSignature, &|bundle| bundle.signed_pre_key = other.signed_pre_key);
        refuses(Error::BadSignature, &|bundle| bundle.signature = other.signature);
        for position in 0..64 {
            refuses(Error::BadSignature, &|bundle| bundle.signature[position] ^= 0x10);
        }
        refuses(Error::BadSignature, &|bundle| bundle.signature[63] ^= 0x80);
        refuses(Error::NoPreKey, &|bundle| bundle.pre_keys.clear());
        refuses(Error::WeakKey, &|bundle| bundle.signed_pre_key[31] |= 0x80);
        refuses(Error::WeakKey, &|bundle| bundle.signed_pre_key = [0; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        refuses(Error::WeakKey, &|bundle| bundle.pre_keys.iter_mut().for_each(|key| key.1 = one));
        refuses(Error::WeakKey, &|bundle| bundle.pre_keys.iter_mut().for_each(|key| key.1[31] |= 0x80));
        juliet.begin(&good).unwrap();
    }
}

#[test]
fn a_bundle_signed_for_the_other_version_is_refused() {
    let mut random = rand::rng();
    let romeo = Identity::generate(&mut random);
    let pre_keys = generate_pre_keys(&mut random, 1, 1);
    for (made, read) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let bundle = Bundle::new(&romeo, &sign_pre_key(made, &romeo, 1, &mut random), &pre_keys);
        assert!(bundle.verify(made).is_ok());
        assert_eq!(bundle.verify(read), Err(Error::BadSignature));
    }
}

#[test]
fn weak_identity_keys_are_refused_in_both_forms() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(IdentityKey::from_ed25519(&neutral).err() == Some(Error::WeakKey));
    assert!(IdentityKey::from_curve25519(&[0; 32]).err() == Some(Error::WeakKey));
    assert!(IdentityKey::from_curve25519(&[0xff; 32]).err() == Some(Error::WeakKey));
    // y = p + 3 is the non-canonical spelling of a point that exists as y = 3.
    let mut spelling = [0xff; 32];
    spelling[0] = 0xed + 3;
    spelling[31] = 0x7f;
    let mut canonical = [0; 32];
    canonical[0] = 3;
    assert!(IdentityKey::from_ed25519(&canonical).is_ok());
    assert!(IdentityKey::from_ed25519(&spelling).err() == Some(Error::WeakKey));
}

#[test]
fn a_pre_key_serves_once_and_unknown_ones_are_named() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let hello = juliet.says("hello");
        let message = Incoming::parse(version, true, &hello.data).unwrap();
        let exchange = *message.key_exchange().unwrap();
        romeo.reads(&hello).unwrap();
        assert!(!romeo.pre_keys.contains_key(&exchange.pre_key_id), "it is deleted after use");

        // With its session forgotten the same key exchange finds no pre-key any more.
        romeo.sessions.clear();
        assert_eq!(romeo.reads(&hello), Err(Error::UnknownPreKey));
        let signed = SignedPreKeyPair::from_bytes(&romeo.signed).unwrap();
        let other = PreKeyPair::from_bytes(romeo.pre_keys.values().next().unwrap()).unwrap();
        let rows = [(None, None), (None, Some(&other)), (Some(&signed), None), (Some(&signed), Some(&other))];
        let errors = rows.map(|(signed, key)| Session::accept(&romeo.identity(), signed, key, &message).err());
        assert_eq!(errors[..2], [Some(Error::UnknownSignedPreKey); 2]);
        assert_eq!(errors[2..], [Some(Error::UnknownPreKey); 2]);
    }
}

#[test]
fn a_rotated_signed_pre_key_still_serves_while_its_row_is_kept() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let hello = juliet.says("hello");
        let kept = romeo.signed.clone();
        romeo.signed = sign_pre_key(version, &romeo.identity(), 2, &mut rand::rng()).to_bytes().to_vec();
        assert_eq!(romeo.reads(&hello), Err(Error::UnknownSignedPreKey));
        romeo.signed = kept;
        assert_eq!(romeo.reads(&hello).unwrap(), "hello");
    }
}

#[test]
fn stored_bytes_that_this_crate_did_not_write_are_refused() {
    for version in BOTH {
        let (mut juliet, romeo) = acquainted(version);
        let _ = juliet.says("words");
        let session = &juliet.sessions[0].session;
        let pre_key = romeo.pre_keys.values().next().unwrap();
        for size in 0..session.len() {
            assert_eq!(Session::from_bytes(&session[..size]).err(), Some(Error::Corrupt));
        }
        for size in 0..pre_key.len() {
            assert_eq!(PreKeyPair::from_bytes(&pre_key[..size]).err(), Some(Error::Corrupt));
        }
        for size in 0..romeo.signed.len() {
            assert_eq!(SignedPreKeyPair::from_bytes(&romeo.signed[..size]).err(), Some(Error::Corrupt));
        }
        for row in [session, pre_key, &romeo.signed] {
            let longer = [&row[..], &[0]].concat();
            assert_eq!(Session::from_bytes(&longer).err(), Some(Error::Corrupt));
            assert_eq!(PreKeyPair::from_bytes(&longer).err(), Some(Error::Corrupt));
            assert_eq!(SignedPreKeyPair::from_bytes(&longer).err(), Some(Error::Corrupt));
        }
        for (position, value) in [(0, 0), (0, 2), (1, 1), (1, 3), (2, 0x10), (2, 0xff)] {
            let mut changed = session.clone();
            changed[position] = value;
            assert_eq!(Session::from_bytes(&changed).err(), Some(Error::Corrupt));
        }
    }
}

#[test]
fn stored_sessions_with_more_kept_chains_or_keys_than_allowed_are_refused() {
    for version in BOTH {
        let (juliet, _) = acquainted(version);
        let session = &juliet.sessions[0].session;
        // Both counts are 0 in a session of one turn, and stand last.
        let fixed = session.strip_suffix(&[0, 0]).unwrap();
        let with = |chains: u8, keys: u8| {
            let chains_and_count = [vec![chains], vec![7; usize::from(chains) * 68]].concat();
            let keys_and_count = [vec![keys], vec![7; usize::from(keys) * 12]].concat();
            Session::from_bytes(&[fixed, &chains_and_count, &keys_and_count].concat()).map(|session| session.to_bytes())
        };
        assert!(with(5, 64).is_ok());
        assert_eq!(with(6, 0).err(), Some(Error::Corrupt));
        assert_eq!(with(0, 65).err(), Some(Error::Corrupt));
        assert_eq!(with(255, 255).err(), Some(Error::Corrupt));
    }
}

#[test]
fn a_replayed_message_or_key_exchange_changes_no_byte_of_any_device() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let hello = juliet.says("hello");
        romeo.reads(&hello).unwrap();
        let answer = romeo.says("answer");
        juliet.reads(&answer).unwrap();
        let words = juliet.says("words");
        romeo.reads(&words).unwrap();

        // A device with sessions of its own with both, and one that knows nobody.
        let (mut mercutio, mut tybalt) = (Device::new(version, 3), Device::new(version, 4));
        for other in [&mut juliet.clone(), &mut romeo.clone()] {
            mercutio.begin(&other.bundle()).unwrap();
            let hello = mercutio.says("hello");
            other.reads(&hello).unwrap();
            let answer = other.says("answer");
            mercutio.reads(&answer).unwrap();
        }
        for message in [&hello, &answer, &words] {
            for device in [&mut juliet, &mut romeo, &mut mercutio, &mut tybalt] {
                let before = device.stored();
                assert!(device.reads(message).is_err());
                assert!(before == device.stored());
            }
        }
    }
}

/// The message with one public key in it replaced.
fn with_key(message: &Encrypted, find: &[u8], key: &[u8]) -> Encrypted {
    let mut data = message.data.clone();
    let place = data.windows(find.len()).position(|window| window == find).unwrap();
    data[place..][..find.len()].copy_from_slice(key);
    Encrypted { key_exchange: message.key_exchange, data }
}

#[test]
fn keys_of_small_order_or_with_bit_255_set_are_weak_wherever_they_stand_in_a_message() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let hello = juliet.says("hello");
        let parsed = Incoming::parse(version, true, &hello.data).unwrap();
        let exchange = *parsed.key_exchange().unwrap();
        let identity = exchange.identity.to_wire(version).unwrap();
        let identity: [u8; 32] = identity[identity.len() - 32..].try_into().unwrap();
        let mut one = [0; 32];
        one[0] = 1;
        let before = romeo.stored();
        for key in [*parsed.ratchet_key(), exchange.base_key] {
            let mut high = key;
            high[31] |= 0x80;
            for weak in [[0; 32], one, high, [0xff; 32]] {
                assert_eq!(romeo.reads(&with_key(&hello, &key, &weak)), Err(Error::WeakKey));
            }
        }
        // An Ed25519 key has a sign where a Curve25519 key has nothing; its neutral element is `one`.
        assert_eq!(romeo.reads(&with_key(&hello, &identity, &one)), Err(Error::WeakKey));
        assert!(before == romeo.stored());
        romeo.reads(&hello).unwrap();
    }
}

#[test]
fn the_registration_id_of_03_is_read_over_whatever_it_says() {
    let version = Version::V03;
    for registration in [None, Some(0u8), Some(1), Some(0x7f)] {
        let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
        juliet.begin(&romeo.bundle()).unwrap();
        let mut hello = juliet.says("hello");
        // Field 5, a number: no tag covers it, as none of the deployed clients has it covered.
        hello.data.extend(registration.into_iter().flat_map(|number| [5 << 3, number]));
        assert_eq!(romeo.reads(&hello).unwrap(), "hello");
    }
}

#[test]
fn a_bundle_whose_pre_keys_are_used_up_begins_nothing_and_a_refilled_one_does() {
    for version in BOTH {
        let mut romeo = Device::new(version, 2);
        let count = romeo.pre_keys.len() as u64;
        for number in 0..count {
            let mut juliet = Device::new(version, 10 + number);
            juliet.begin(&romeo.bundle()).unwrap();
            let hello = juliet.says("hello");
            romeo.reads(&hello).unwrap();
        }
        let mut late = Device::new(version, 30);
        assert_eq!(late.begin(&romeo.bundle()), Err(Error::NoPreKey));
        assert!(late.sessions.is_empty());
        let refill = generate_pre_keys(&mut rand::rng(), count as u32 + 1, 100);
        romeo.pre_keys.extend(refill.iter().map(|pair| (pair.id(), pair.to_bytes().to_vec())));
        late.begin(&romeo.bundle()).unwrap();
        let hello = late.says("hello");
        assert_eq!(romeo.reads(&hello).unwrap(), "hello");
        assert_eq!(romeo.pre_keys.len(), 99);
    }
}
