//! Identity keys: one Ed25519 pair per device, shown as Curve25519 to version 0.3.

use curve25519_dalek::edwards::CompressedEdwardsY;
use rand_core::CryptoRng;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::Version;
use crate::curve::{self, Secret};
use crate::error::{Error, Result};

/// The secret identity of this device in both versions, made from a 32-byte Ed25519 seed (RFC 8032).
pub struct Identity {
    seed: Secret,
    scalar: Secret,
    public: IdentityKey,
}

impl Identity {
    /// Draws a new identity.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_seed(&curve::generate(rng))
    }

    /// The identity that a stored seed stands for.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut hash: Zeroizing<[u8; 64]> = Zeroizing::new(Sha512::digest(seed).into());
        hash[0] &= 0xf8;
        hash[31] = hash[31] & 0x7f | 0x40;
        let mut scalar = Secret::default();
        scalar.copy_from_slice(&hash[..32]);
        let point = curve25519_dalek::EdwardsPoint::mul_base_clamped(*scalar);
        let public = IdentityKey::from_stored(point.to_montgomery().to_bytes(), Some(point.compress().to_bytes()));
        Self { seed: Zeroizing::new(*seed), scalar, public }
    }

    /// The 32-byte seed, for the store only.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public half.
    pub fn public(&self) -> IdentityKey {
        self.public
    }

    /// The clamped scalar that serves X25519 and XEdDSA.
    pub(crate) fn scalar(&self) -> &Secret {
        &self.scalar
    }
}

/// The public identity key of a device: Curve25519 form always, Ed25519 form where it is known.
///
/// Version 0.3 shows only the Curve25519 form, which has lost the Ed25519 sign bit. Two keys are equal when their
/// Curve25519 forms are: so one device is recognised in both versions.
#[derive(Clone, Copy)]
pub struct IdentityKey {
    montgomery: [u8; 32],
    /// Whether `edwards` is known, which is zeros if not: an absent `Option` would carry what the stack held before.
    signs: bool,
    edwards: [u8; 32],
}

impl IdentityKey {
    /// From the 32 bytes of an Ed25519 public key, sign bit included (version 2).
    ///
    /// [`Error::WeakKey`] for a key that is no point, not canonical, or of small order.
    pub fn from_ed25519(key: &[u8; 32]) -> Result<Self> {
        let mut y = *key;
        y[31] &= 0x7f;
        let point = CompressedEdwardsY(*key).decompress().ok_or(Error::WeakKey)?;
        if !curve::is_canonical(&y) || point.is_small_order() {
            return Err(Error::WeakKey);
        }
        Ok(Self::from_stored(point.to_montgomery().to_bytes(), Some(*key)))
    }

    /// From the 32 bytes of a Curve25519 public key (version 0.3, without its leading 5).
    ///
    /// [`Error::WeakKey`] for a key that has bit 255 set, is not canonical, or is of small order.
    pub fn from_curve25519(key: &[u8; 32]) -> Result<Self> {
        curve::check_public(key)?;
        Ok(Self::from_stored(*key, None))
    }

    /// From the bytes that stand on the wire: 33 bytes `05‖Curve25519` in version 0.3, 32 bytes Ed25519 in version 2.
    pub fn from_wire(version: Version, bytes: &[u8]) -> Result<Self> {
        match version {
            Version::V03 => Self::from_curve25519(&version.decode_public(bytes)?),
            Version::V2 => Self::from_ed25519(bytes.try_into().map_err(|_| Error::Malformed)?),
        }
    }

    /// The bytes for the wire; `None` in version 2 if only the Curve25519 form is known.
    pub fn to_wire(&self, version: Version) -> Option<Vec<u8>> {
        match version {
            Version::V03 => Some(version.encode_public(&self.montgomery)),
            Version::V2 => self.ed25519().map(|key| key.to_vec()),
        }
    }

    /// The Curve25519 form: what two keys are compared by.
    pub fn montgomery(&self) -> [u8; 32] {
        self.montgomery
    }

    /// The Ed25519 form, if the sign bit is known.
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        self.signs.then_some(self.edwards)
    }

    /// What people compare: 64 lower-case hexadecimal digits of the Curve25519 form, the same in both versions.
    ///
    /// Show them in 8 groups of 8 (XEP-0384, section 8); Conversations shows the same digits.
    pub fn fingerprint(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |d: u8| char::from(DIGITS[usize::from(d)]);
        self.montgomery.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
    }

    /// Without the form that a version does not show, so that a session's bytes depend on the version alone.
    pub(crate) fn only_for(self, version: Version) -> Self {
        match version {
            Version::V03 => Self::from_stored(self.montgomery, None),
            Version::V2 => self,
        }
    }

    /// From stored forms that were checked when they came in.
    pub(crate) fn from_stored(montgomery: [u8; 32], edwards: Option<[u8; 32]>) -> Self {
        Self { montgomery, signs: edwards.is_some(), edwards: edwards.unwrap_or_default() }
    }
}

impl PartialEq for IdentityKey {
    fn eq(&self, other: &Self) -> bool {
        self.montgomery == other.montgomery
    }
}

impl Eq for IdentityKey {}
