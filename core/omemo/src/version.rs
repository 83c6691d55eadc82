//! The two versions and what differs in how they write public keys.

use crate::error::{Error, Result};

/// Which OMEMO is spoken with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// `eu.siacs.conversations.axolotl`, XEP-0384 0.3.
    V03,
    /// `urn:xmpp:omemo:2`, XEP-0384 since 0.8.
    V2,
}

impl Version {
    /// A Curve25519 public key as it stands in bundles and messages: `05‖key` in version 0.3, else plain.
    pub fn encode_public(self, key: &[u8; 32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(33);
        if self == Version::V03 {
            out.push(5);
        }
        out.extend_from_slice(key);
        out
    }

    /// Takes the above apart; [`Error::Malformed`] for another size or first byte.
    pub fn decode_public(self, bytes: &[u8]) -> Result<[u8; 32]> {
        let key = match self {
            Version::V03 => bytes.strip_prefix(&[5]).ok_or(Error::Malformed)?,
            Version::V2 => bytes,
        };
        key.try_into().map_err(|_| Error::Malformed)
    }

    /// How many bytes of the HMAC a ratchet message carries.
    pub(crate) fn tag_size(self) -> usize {
        match self {
            Version::V03 => 8,
            Version::V2 => 16,
        }
    }
}
