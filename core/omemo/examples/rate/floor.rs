//! The floors: what an operation could not do without, and nothing else, with the stock crates.
//!
//! A line costs the step of its chain (two HMACs), the keys that seal it (HKDF to 80 bytes), AES-256-CBC over the key
//! material and HMAC over identities and message. A key agreement costs its work on the curve.

use std::hint::black_box;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use dunnock_omemo::{Bundle, Version};
use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A chain that moves on, with buffers of the sizes that real lines have.
pub(crate) struct Line {
    version: Version,
    chain: [u8; 32],
    /// Both identities, then the message as it is sealed.
    covered: Vec<u8>,
    material: Vec<u8>,
}

impl Line {
    /// `message` is the number of bytes that the tag covers beside the identities.
    pub(crate) fn new(version: Version, message: usize, material: &[u8]) -> Self {
        let identities = if version == Version::V03 { 66 } else { 64 };
        Self { version, chain: [7; 32], covered: vec![1; identities + message], material: material.to_vec() }
    }

    /// Both chain steps and the sealing keys: the same for both directions.
    fn keys(&mut self) -> [u8; 80] {
        let tag = |input: u8| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(&self.chain).unwrap();
            mac.update(&[input]);
            mac.finalize().into_bytes().into()
        };
        let message_key = tag(1);
        self.chain = tag(2);
        let info: &[u8] = match self.version {
            Version::V03 => b"WhisperMessageKeys",
            Version::V2 => b"OMEMO Message Key Material",
        };
        let mut keys = [0; 80];
        Hkdf::<Sha256>::new(Some(&[0; 32]), &message_key).expand(info, &mut keys).unwrap();
        keys
    }

    fn tag(&self, keys: &[u8; 80]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&keys[32..64]).unwrap();
        mac.update(&self.covered);
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn encrypt(&mut self) {
        let keys = self.keys();
        let mut buffer = [0; 64];
        buffer[..self.material.len()].copy_from_slice(&self.material);
        let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&keys[..32], &keys[64..]).unwrap();
        black_box(cipher.encrypt_padded::<Pkcs7>(&mut buffer, self.material.len()).unwrap());
        black_box(self.tag(&keys));
    }

    pub(crate) fn decrypt(&mut self) {
        let keys = self.keys();
        black_box(self.tag(&keys));
        // What stands there decrypts to nonsense, whose padding is wrong: that takes as long.
        let mut buffer = [3; 64];
        let size = (self.material.len() / 16 + 1) * 16;
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&keys[..32], &keys[64..]).unwrap();
        let _ = black_box(cipher.decrypt_padded::<Pkcs7>(&mut buffer[..size]));
    }
}

/// What the curve has to do for a key agreement and its first message.
pub(crate) struct Agreement {
    theirs: MontgomeryPoint,
    signer: VerifyingKey,
    identity: [u8; 32],
    message: Vec<u8>,
    signature: Signature,
    version: Version,
}

impl Agreement {
    pub(crate) fn new(version: Version, bundle: &Bundle, identity: [u8; 32]) -> Self {
        let mut signature = bundle.signature;
        let sign = if version == Version::V03 { signature[63] >> 7 } else { 0 };
        let point = match version {
            Version::V03 => MontgomeryPoint(bundle.identity.montgomery()).to_edwards(sign).unwrap(),
            Version::V2 => decompressed(&bundle.identity.ed25519().unwrap()),
        };
        if version == Version::V03 {
            signature[63] &= 0x7f;
        }
        Self {
            theirs: MontgomeryPoint(bundle.signed_pre_key),
            signer: VerifyingKey::from(point),
            identity,
            message: version.encode_public(&bundle.signed_pre_key),
            signature: Signature::from_bytes(&signature),
            version,
        }
    }

    fn agree(&self) {
        black_box(self.theirs.mul_clamped(black_box([9; 32])));
    }

    fn make(&self) {
        black_box(MontgomeryPoint::mul_base_clamped(black_box([9; 32])).to_bytes());
    }

    /// One signature, two keys to make (ephemeral and ratchet), five agreements (four, and the first turn's).
    pub(crate) fn active(&self) {
        match self.version {
            // The key of a 0.3 bundle is a Curve25519 one, to be turned into what a signature is checked with.
            Version::V03 => drop(black_box(MontgomeryPoint(self.identity).to_edwards(0))),
            Version::V2 => drop(black_box(VerifyingKey::from_bytes(&self.signer.to_bytes()).unwrap())),
        }
        self.signer.verify_strict(&self.message, &self.signature).unwrap();
        (0..2).for_each(|_| self.make());
        (0..5).for_each(|_| self.agree());
    }

    /// Five agreements; in version 2 the sender's Ed25519 key has to become a Curve25519 one first.
    pub(crate) fn passive(&self) {
        if self.version == Version::V2 {
            black_box(decompressed(&self.signer.to_bytes()).to_montgomery().to_bytes());
        }
        (0..5).for_each(|_| self.agree());
    }
}

fn decompressed(key: &[u8; 32]) -> EdwardsPoint {
    curve25519_dalek::edwards::CompressedEdwardsY(*key).decompress().unwrap()
}
