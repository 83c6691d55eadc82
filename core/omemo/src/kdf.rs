//! The key derivations: HMAC chains and HKDF with the labels of each version.
//!
//! Sources: Double Ratchet, section 5.2; XEP-0384 (current), "Double Ratchet"; for 0.3 the `Whisper*` labels
//! that every deployed client uses.

use zeroize::Zeroizing;

use crate::Version;
use crate::curve::Secret;
use crate::hmac::{Key, hkdf};

/// One step of a chain: the message key, and the chain key that replaces `chain`.
pub(crate) fn chain_step(chain: &Secret) -> (Secret, Secret) {
    let (message_key, next) = Key::new(chain).two_tags(1, 2);
    (Zeroizing::new(message_key), Zeroizing::new(next))
}

/// One step of the root chain: the new root key, and the chain key of the new chain.
pub(crate) fn root_step(version: Version, root: &Secret, shared: &Secret) -> (Secret, Secret) {
    let info: &[u8] = match version {
        Version::V03 => b"WhisperRatchet",
        Version::V2 => b"OMEMO Root Chain",
    };
    let mut out = Zeroizing::new([0; 64]);
    hkdf(Some(root), &**shared, info, &mut *out);
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
    hkdf(None, &*input, info, &mut *out);
    out
}

/// The keys that seal one message or one payload: AES-256-CBC key, HMAC key and IV from 80 bytes of HKDF.
pub(crate) struct SealKeys {
    bytes: Zeroizing<[u8; 80]>,
    pub(crate) authentication: Key,
}

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
        let mut bytes = Zeroizing::new([0; 80]);
        hkdf(None, key, info, &mut *bytes);
        let authentication = Key::new(bytes[32..].first_chunk().expect("80 bytes are enough"));
        Self { bytes, authentication }
    }

    pub(crate) fn encryption(&self) -> &[u8] {
        &self.bytes[..32]
    }

    pub(crate) fn iv(&self) -> &[u8] {
        &self.bytes[64..]
    }
}

fn half(bytes: &[u8]) -> Secret {
    let mut secret = Secret::default();
    secret.copy_from_slice(bytes);
    secret
}
