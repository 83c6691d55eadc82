//! Signatures on signed pre-keys: plain Ed25519 in version 2, XEdDSA as deployed in 0.3.
//!
//! The XEdDSA paper forces the sign bit of the Ed25519 key to zero. Deployed 0.3 clients sign with the key as it is
//! and carry its sign bit in the otherwise unused top bit of the signature, which also tells the other side the
//! full Ed25519 key; a signature after the paper has that bit clear and verifies the same way.

use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::Version;
use crate::error::{Error, Result};
use crate::identity::{Identity, IdentityKey};

/// Signs a message with the identity key; `rng` salts the nonce of version 0.3.
pub(crate) fn sign<R: CryptoRng + ?Sized>(
    version: Version,
    identity: &Identity,
    message: &[u8],
    rng: &mut R,
) -> [u8; 64] {
    match version {
        Version::V03 => {
            let mut salt = Zeroizing::new([0; 64]);
            rng.fill_bytes(&mut *salt);
            sign_salted(identity, message, &salt)
        }
        Version::V2 => SigningKey::from_bytes(identity.seed()).sign(message).to_bytes(),
    }
}

/// XEdDSA's signing with the key's own sign bit, moved into the top bit of the signature.
pub(crate) fn sign_salted(identity: &Identity, message: &[u8], salt: &[u8; 64]) -> [u8; 64] {
    let public = identity.public().ed25519().expect("an own identity has both forms");
    // hash1 of the paper: 2^256 - 2 in little endian, then the private key, the message and the salt.
    let mut prefix = [0xff; 32];
    prefix[0] = 0xfe;
    let nonce = wide(&[&prefix, &**identity.scalar(), message, salt]);
    let point = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
    let challenge = wide(&[&point, &public, message]);
    let secret = Zeroizing::new(Scalar::from_bytes_mod_order(**identity.scalar()));
    let response = *nonce + *challenge * *secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&point);
    signature[32..].copy_from_slice(response.as_bytes());
    signature[63] |= public[31] & 0x80;
    signature
}

/// Checks a signature; small-order keys, small-order or non-canonical `R` and non-canonical `s` are refused.
pub(crate) fn verify(version: Version, key: &IdentityKey, message: &[u8], signature: &[u8; 64]) -> Result<()> {
    let mut signature = *signature;
    let public = match version {
        Version::V03 => {
            let sign = signature[63] >> 7;
            signature[63] &= 0x7f;
            let point = MontgomeryPoint(key.montgomery()).to_edwards(sign).ok_or(Error::BadSignature)?;
            VerifyingKey::from(point)
        }
        Version::V2 => {
            let bytes = key.ed25519().ok_or(Error::BadSignature)?;
            VerifyingKey::from_bytes(&bytes).map_err(|_| Error::BadSignature)?
        }
    };
    public.verify_strict(message, &Signature::from_bytes(&signature)).map_err(|_| Error::BadSignature)
}

fn wide(parts: &[&[u8]]) -> Zeroizing<Scalar> {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    let bytes: Zeroizing<[u8; 64]> = Zeroizing::new(hash.finalize().into());
    Zeroizing::new(Scalar::from_bytes_mod_order_wide(&bytes))
}
