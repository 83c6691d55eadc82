//! Pre-keys and bundles: what a device publishes so that others can begin a session while it is away.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Version;
use crate::curve::{self, Secret};
use crate::error::{Error, Result};
use crate::identity::{Identity, IdentityKey};
use crate::stored::{Reader, Writer};
use crate::xeddsa;

/// A one-time pre-key with its secret half.
pub struct PreKeyPair {
    id: u32,
    pub(crate) secret: Secret,
    public: [u8; 32],
}

impl PreKeyPair {
    /// Draws a pre-key with the given id.
    pub fn generate<R: CryptoRng + ?Sized>(id: u32, rng: &mut R) -> Self {
        let secret = curve::generate(rng);
        let public = curve::public(&secret);
        Self { id, secret, public }
    }

    /// The id under which it is published.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The Curve25519 public half.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// 69 bytes for the store: a format byte 1, id, secret, public. They are secret.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::with_capacity(69);
        out.u8(FORMAT);
        out.u32(self.id);
        out.bytes(&*self.secret);
        out.bytes(&self.public);
        out.finish()
    }

    /// From stored bytes; [`Error::Corrupt`] if this crate did not write them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut from = Reader::new(bytes);
        from.expect(FORMAT)?;
        let pair = Self { id: from.u32()?, secret: from.secret()?, public: from.array()? };
        from.end()?;
        Ok(pair)
    }
}

/// Draws `count` one-time pre-keys with the ids `first_id`, `first_id + 1`, …; after 2^24 - 1 comes 1.
///
/// XEP-0384 asks for about 100 in a bundle and never fewer than 25. Clients built on Signal's libraries count ids
/// in 24 bits and start at 1.
pub fn generate_pre_keys<R: CryptoRng + ?Sized>(rng: &mut R, first_id: u32, count: u32) -> Vec<PreKeyPair> {
    const LAST: u32 = 0x00ff_ffff;
    let mut id = first_id.clamp(1, LAST);
    (0..count)
        .map(|_| {
            let pair = PreKeyPair::generate(id, rng);
            id = if id == LAST { 1 } else { id + 1 };
            pair
        })
        .collect()
}

/// The signed pre-key of one version, with its secret half; rotated every week to month.
pub struct SignedPreKeyPair {
    id: u32,
    pub(crate) secret: Secret,
    public: [u8; 32],
    signature: [u8; 64],
}

/// Draws a signed pre-key and signs it for one version.
pub fn sign_pre_key<R: CryptoRng + ?Sized>(
    version: Version,
    identity: &Identity,
    id: u32,
    rng: &mut R,
) -> SignedPreKeyPair {
    let secret = curve::generate(rng);
    let public = curve::public(&secret);
    let signature = xeddsa::sign(version, identity, &version.encode_public(&public), rng);
    SignedPreKeyPair { id, secret, public, signature }
}

impl SignedPreKeyPair {
    /// The id under which it is published.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The Curve25519 public half.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The signature as it stands in the bundle; in version 0.3 its top bit is the identity's sign bit.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// 133 bytes for the store: a format byte 1, id, secret, public, signature. They are secret.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::with_capacity(133);
        out.u8(FORMAT);
        out.u32(self.id);
        out.bytes(&*self.secret);
        out.bytes(&self.public);
        out.bytes(&self.signature);
        out.finish()
    }

    /// From stored bytes; [`Error::Corrupt`] if this crate did not write them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut from = Reader::new(bytes);
        from.expect(FORMAT)?;
        let pair = Self { id: from.u32()?, secret: from.secret()?, public: from.array()?, signature: from.array()? };
        from.end()?;
        Ok(pair)
    }
}

const FORMAT: u8 = 1;

/// What a device publishes in one version, without the XML around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Whose bundle it is.
    pub identity: IdentityKey,
    /// The id of the signed pre-key.
    pub signed_pre_key_id: u32,
    /// The signed pre-key, Curve25519.
    pub signed_pre_key: [u8; 32],
    /// Its signature as it stands on the wire.
    pub signature: [u8; 64],
    /// One-time pre-keys: id and Curve25519 key.
    pub pre_keys: Vec<(u32, [u8; 32])>,
}

impl Bundle {
    /// The bundle of this device.
    pub fn new<'a>(
        identity: &Identity,
        signed: &SignedPreKeyPair,
        pre_keys: impl IntoIterator<Item = &'a PreKeyPair>,
    ) -> Self {
        Self {
            identity: identity.public(),
            signed_pre_key_id: signed.id,
            signed_pre_key: signed.public,
            signature: signed.signature,
            pre_keys: pre_keys.into_iter().map(|pair| (pair.id, pair.public)).collect(),
        }
    }

    /// Checks the signature and the signed pre-key; one-time pre-keys are checked when one is picked.
    ///
    /// [`Error::NoPreKey`], [`Error::WeakKey`] or [`Error::BadSignature`].
    pub fn verify(&self, version: Version) -> Result<()> {
        if self.pre_keys.is_empty() {
            return Err(Error::NoPreKey);
        }
        curve::check_public(&self.signed_pre_key)?;
        xeddsa::verify(version, &self.identity, &version.encode_public(&self.signed_pre_key), &self.signature)
    }
}
