//! The key derivations: HMAC chains and HKDF with the labels of each version.
//!
//! Sources: Double Ratchet, section 5.2; XEP-0384 (current), "Double Ratchet"; for 0.3 the `Whisper*` labels
//! that every deployed client uses.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Version;
use crate::curve::Secret;

/// HMAC-SHA-256 keyed with `key`.
pub(crate) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The whole tag of a finished HMAC as plain bytes.
pub(crate) fn tag(mac: Hmac<Sha256>) -> [u8; 32] {
    mac.finalize().into_bytes().into()
}

/// One step of a chain: the message key, and the chain key that replaces `chain`.
pub(crate) fn chain_step(chain: &Secret) -> (Secret, Secret) {
    let mut message = hmac(&**chain);
    let mut next = message.clone();
    message.update(&[1]);
    next.update(&[2]);
    (Zeroizing::new(tag(message)), Zeroizing::new(tag(next)))
}

/// One step of the root chain: the new root key, and the chain key of the new chain.
pub(crate) fn root_step(version: Version, root: &Secret, shared: &Secret) -> (Secret, Secret) {
    let info: &[u8] = match version {
        Version::V03 => b"WhisperRatchet",
        Version::V2 => b"OMEMO Root Chain",
    };
    let mut out = Zeroizing::new([0; 64]);
    expand(Some(&**root), &**shared, info, &mut *out);
    (half(&out[..32]), half(&out[32..]))
}

/// The secret that both sides of X3DH share, from its four Diffie-Hellman results.
pub(crate) fn x3dh(version: Version, shared: [&Secret; 4]) -> Secret {
    let info: &[u8] = match version {
        Version::V03 => b"WhisperText",
        Version::V2 => b"OMEMO X3DH",
    };
    // X3DH, section 2.2: 32 bytes of 0xff separate this input from any XEdDSA use of the same keys.
    let mut input = Zeroizing::new([0xff; 160]);
    for (part, secret) in input[32..].chunks_exact_mut(32).zip(shared) {
        part.copy_from_slice(&**secret);
    }
    let mut out = Secret::default();
    expand(None, &*input, info, &mut *out);
    out
}

/// The keys that seal one message or one payload: AES-256-CBC key, HMAC key and IV from 80 bytes of HKDF.
pub(crate) struct SealKeys(Zeroizing<[u8; 80]>);

impl SealKeys {
    /// From a ratchet's message key.
    pub(crate) fn for_message(version: Version, message_key: &Secret) -> Self {
        Self::derive(
            &**message_key,
            match version {
                Version::V03 => b"WhisperMessageKeys",
                Version::V2 => b"OMEMO Message Key Material",
            },
        )
    }

    /// From the key of a version 2 payload.
    pub(crate) fn for_payload(key: &[u8]) -> Self {
        Self::derive(key, b"OMEMO Payload")
    }

    fn derive(key: &[u8], info: &[u8]) -> Self {
        let mut out = Zeroizing::new([0; 80]);
        expand(None, key, info, &mut *out);
        Self(out)
    }

    pub(crate) fn encryption(&self) -> &[u8] {
        &self.0[..32]
    }

    pub(crate) fn authentication(&self) -> &[u8] {
        &self.0[32..64]
    }

    pub(crate) fn iv(&self) -> &[u8] {
        &self.0[64..]
    }
}

/// HKDF-SHA-256 (RFC 5869); no salt means 32 zero bytes.
fn expand(salt: Option<&[u8]>, input: &[u8], info: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(salt, input).expand(info, out).expect("at most 80 bytes are asked for");
}

fn half(bytes: &[u8]) -> Secret {
    let mut secret = Secret::default();
    secret.copy_from_slice(bytes);
    secret
}
