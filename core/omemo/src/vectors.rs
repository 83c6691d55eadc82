//! What python-omemo computed, against our own primitives; `vectors/make.py` makes the file.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::curve::{self, Secret};
use crate::hmac::Key;
use crate::identity::{Identity, IdentityKey};
use crate::kdf::{self, SealKeys};
use crate::keys::{Bundle, PreKeyPair, SignedPreKeyPair};
use crate::{Error, Version, x3dh, xeddsa};

fn primitives(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../vectors/primitives.json")).unwrap();
    let list = all[name].as_array().unwrap().clone();
    assert!(!list.is_empty());
    list
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    let digits = value.as_str().unwrap();
    let bytes: Vec<u8> =
        (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

fn secret(value: &Value) -> Secret {
    Zeroizing::new(bytes(value))
}

fn version(value: &Value) -> Version {
    if value == "2" { Version::V2 } else { Version::V03 }
}

#[test]
fn identities_show_the_same_public_keys_as_python() {
    for vector in primitives("signatures") {
        let public = Identity::from_seed(&bytes(&vector["seed"])).public();
        assert_eq!(public.ed25519(), Some(bytes(&vector["ed25519"])));
        assert_eq!(public.montgomery(), bytes(&vector["curve25519"]));
        assert_eq!(public.fingerprint(), vector["curve25519"].as_str().unwrap());
        let [from_2, from_03] = [
            IdentityKey::from_ed25519(&bytes(&vector["ed25519"])).unwrap(),
            IdentityKey::from_curve25519(&bytes(&vector["curve25519"])).unwrap(),
        ];
        assert!(from_2 == from_03, "one device in both versions");
    }
}

#[test]
fn signatures_equal_pythons_for_both_sign_bits() {
    let mut signs = [0, 0];
    for vector in primitives("signatures") {
        signs[vector["sign"].as_u64().unwrap() as usize] += 1;
        let identity = Identity::from_seed(&bytes(&vector["seed"]));
        let message = Version::V03.encode_public(&bytes(&vector["public"]));
        let signature = xeddsa::sign_salted(&identity, &message, &bytes(&vector["salt"]));
        assert_eq!(signature, bytes::<64>(&vector["v03"]));
        assert_eq!(u64::from(signature[63] >> 7), vector["sign"].as_u64().unwrap());
        let plain = xeddsa::sign(Version::V2, &identity, &message[1..], &mut rand::rng());
        assert_eq!(plain, bytes::<64>(&vector["v2"]));
    }
    assert!(signs.iter().all(|count| *count >= 2), "both sign bits are there");
}

#[test]
fn pythons_signatures_verify_for_both_sign_bits_and_in_the_papers_form() {
    for vector in primitives("signatures") {
        let curve = IdentityKey::from_curve25519(&bytes(&vector["curve25519"])).unwrap();
        let message = Version::V03.encode_public(&bytes(&vector["public"]));
        for name in ["v03", "v03_sign_forced"] {
            xeddsa::verify(Version::V03, &curve, &message, &bytes(&vector[name])).unwrap();
        }
        let edwards = IdentityKey::from_ed25519(&bytes(&vector["ed25519"])).unwrap();
        xeddsa::verify(Version::V2, &edwards, &message[1..], &bytes(&vector["v2"])).unwrap();

        let mut flipped: [u8; 64] = bytes(&vector["v03"]);
        flipped[63] ^= 0x80;
        assert_eq!(xeddsa::verify(Version::V03, &curve, &message, &flipped), Err(Error::BadSignature));
    }
}

#[test]
fn signatures_with_a_non_canonical_s_are_refused() {
    // The group's order, little endian: s and s + order sign the same in a sloppy verifier.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    for vector in primitives("signatures") {
        let key = IdentityKey::from_ed25519(&bytes(&vector["ed25519"])).unwrap();
        let message = Version::V03.encode_public(&bytes(&vector["public"]));
        for (version, message) in [(Version::V03, &message[..]), (Version::V2, &message[1..])] {
            let mut signature: [u8; 64] = bytes(&vector[if version == Version::V03 { "v03" } else { "v2" }]);
            let sign = if version == Version::V03 { signature[63] & 0x80 } else { 0 };
            signature[63] &= 0x7f;
            let mut carry = 0;
            for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
                let sum = u16::from(*byte) + u16::from(add) + carry;
                *byte = sum as u8;
                carry = sum >> 8;
            }
            signature[63] |= sign;
            assert_eq!(xeddsa::verify(version, &key, message, &signature), Err(Error::BadSignature));
        }
    }
}

#[test]
fn both_halves_of_the_key_agreement_give_pythons_secret() {
    for vector in primitives("agreements") {
        let version = version(&vector["version"]);
        let [alice, bob] = ["initiator", "responder"].map(|name| Identity::from_seed(&bytes(&vector[name])));
        let signed = stored_signed(version, &bob, &secret(&vector["signed_pre_key"]));
        let pre_key = stored_pre_key(&secret(&vector["pre_key"]));
        let base_key = bytes(&vector["base_key"]);
        assert_eq!(curve::public(&secret(&vector["ephemeral"])), base_key);

        let root = x3dh::respond(version, &bob, &signed, &pre_key, &alice.public(), &base_key).unwrap();
        assert_eq!(*root, bytes(&vector["shared"]));

        let bundle = Bundle::new(&bob, &signed, [&pre_key]);
        let mut random = crate::test_random::Script([&[0; 8][..], &*secret(&vector["ephemeral"])].concat());
        let (root, exchange) = x3dh::initiate(version, &alice, &bundle, &mut random).unwrap();
        assert_eq!(*root, bytes(&vector["shared"]));
        random.end();
        assert_eq!(exchange.base_key, base_key);
    }
}

fn stored_pre_key(secret: &Secret) -> PreKeyPair {
    let row = [&[1, 0, 0, 0, 5][..], &**secret, &curve::public(secret)].concat();
    PreKeyPair::from_bytes(&row).unwrap()
}

fn stored_signed(version: Version, identity: &Identity, secret: &Secret) -> SignedPreKeyPair {
    let public = curve::public(secret);
    let signature = xeddsa::sign(version, identity, &version.encode_public(&public), &mut rand::rng());
    let row = [&[1, 0, 0, 0, 9][..], &**secret, &public, &signature].concat();
    SignedPreKeyPair::from_bytes(&row).unwrap()
}

#[test]
fn root_chain_and_message_keys_are_pythons() {
    for vector in primitives("chains") {
        let version = version(&vector["version"]);
        let (root, chain) = kdf::root_step(version, &secret(&vector["root"]), &secret(&vector["dh"]));
        assert_eq!(*root, bytes(&vector["next_root"]));
        assert_eq!(*chain, bytes(&vector["new_chain"]));
        let (message_key, next) = kdf::chain_step(&secret(&vector["chain"]));
        assert_eq!(*message_key, bytes(&vector["message_key"]));
        assert_eq!(*next, bytes(&vector["next_chain"]));
        let keys = SealKeys::for_message(version, &message_key);
        let sealing: [u8; 80] = bytes(&vector["sealing"]);
        assert_eq!((keys.encryption(), keys.iv()), (&sealing[..32], &sealing[64..]));
        let same = Key::new(sealing[32..].first_chunk().unwrap());
        assert_eq!(keys.authentication.tag(&[b"words"]), same.tag(&[b"words"]));
    }
}
