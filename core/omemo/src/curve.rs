//! X25519 (RFC 7748) with the checks that the protocol leaves to us.

use curve25519_dalek::montgomery::MontgomeryPoint;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// 32 secret bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The u-coordinates of the points of order 1, 2, 4 and 8 on the curve and its twist, in canonical form.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    little(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    prime_minus_one(),
];

const fn little(first: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = first;
    bytes
}

const fn prime_minus_one() -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xec;
    bytes[31] = 0x7f;
    bytes
}

/// Whether 255 bits, little endian, are below the field's prime 2^255 - 19 and the top bit is clear.
pub(crate) fn is_canonical(bytes: &[u8; 32]) -> bool {
    if bytes[31] != 0x7f {
        return bytes[31] < 0x7f;
    }
    bytes[0] < 0xed || bytes[1..31].iter().any(|b| *b != 0xff)
}

/// Refuses public keys that X25519 would accept but no honest device makes.
///
/// RFC 7748 ignores bit 255 and reduces large coordinates, so one key would have several spellings, and neither
/// version's authentication covers the spelling in every field; keys of small order give a constant secret.
pub(crate) fn check_public(key: &[u8; 32]) -> Result<()> {
    if is_canonical(key) && !SMALL_ORDER.contains(key) { Ok(()) } else { Err(Error::WeakKey) }
}

/// Draws a secret key; clamping happens at each use.
pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Secret {
    let mut secret = Secret::default();
    rng.fill_bytes(&mut *secret);
    secret
}

/// The public key of a secret one.
pub(crate) fn public(secret: &Secret) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(**secret).to_bytes()
}

/// The shared secret; an all-zero one means a small-order key and is refused (RFC 7748, section 6.1).
pub(crate) fn agree(secret: &Secret, public: &[u8; 32]) -> Result<Secret> {
    let shared = Zeroizing::new(MontgomeryPoint(*public).mul_clamped(**secret).to_bytes());
    if bool::from(shared.ct_eq(&[0; 32])) { Err(Error::WeakKey) } else { Ok(shared) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_small_order_key_gives_an_all_zero_secret() {
        let secret = Zeroizing::new([0x42; 32]);
        for key in &SMALL_ORDER {
            assert_eq!(agree(&secret, key).unwrap_err(), Error::WeakKey);
            assert_eq!(check_public(key), Err(Error::WeakKey));
        }
    }

    #[test]
    fn non_canonical_and_high_bit_keys_are_refused_and_the_largest_canonical_ones_are_not() {
        let mut key = [0xff; 32];
        key[31] = 0x7f;
        for first in 0..=0xffu8 {
            key[0] = first;
            assert_eq!(is_canonical(&key), first < 0xed, "{first:#x}");
        }
        let mut good = public(&Zeroizing::new([9; 32]));
        assert!(check_public(&good).is_ok());
        good[31] |= 0x80;
        assert_eq!(check_public(&good), Err(Error::WeakKey));
    }
}
