//! The key agreement that begins a session (X3DH; XEP-0384, "Key Exchange"): always with a one-time pre-key.

use rand_core::CryptoRng;

use crate::Version;
use crate::curve::{self, Secret};
use crate::error::{Error, Result};
use crate::identity::{Identity, IdentityKey};
use crate::kdf;
use crate::keys::{Bundle, PreKeyPair, SignedPreKeyPair};
use crate::wire::KeyExchange;

/// The initiator's half: verifies the bundle, picks a one-time pre-key at random and agrees on a root key.
///
/// The returned key exchange carries our own identity.
pub(crate) fn initiate<R: CryptoRng + ?Sized>(
    version: Version,
    identity: &Identity,
    bundle: &Bundle,
    rng: &mut R,
) -> Result<(Secret, KeyExchange)> {
    if bundle.identity == identity.public() {
        return Err(Error::IdentityMismatch);
    }
    bundle.verify(version)?;
    let (pre_key_id, pre_key) = pick(&bundle.pre_keys, rng)?;
    curve::check_public(&pre_key)?;
    let ephemeral = curve::generate(rng);
    let root = kdf::x3dh(
        version,
        [
            &curve::agree(identity.scalar(), &bundle.signed_pre_key)?,
            &curve::agree(&ephemeral, &bundle.identity.montgomery())?,
            &curve::agree(&ephemeral, &bundle.signed_pre_key)?,
            &curve::agree(&ephemeral, &pre_key)?,
        ],
    );
    let exchange = KeyExchange {
        pre_key_id,
        signed_pre_key_id: bundle.signed_pre_key_id,
        identity: identity.public(),
        base_key: curve::public(&ephemeral),
    };
    Ok((root, exchange))
}

/// The responder's half: the same root key from our secret pre-keys and the initiator's public keys.
pub(crate) fn respond(
    version: Version,
    identity: &Identity,
    signed: &SignedPreKeyPair,
    pre_key: &PreKeyPair,
    their_identity: &IdentityKey,
    base_key: &[u8; 32],
) -> Result<Secret> {
    Ok(kdf::x3dh(
        version,
        [
            &curve::agree(&signed.secret, &their_identity.montgomery())?,
            &curve::agree(identity.scalar(), base_key)?,
            &curve::agree(&signed.secret, base_key)?,
            &curve::agree(&pre_key.secret, base_key)?,
        ],
    ))
}

/// One of the pre-keys, evenly but for a bias of less than one part in 2^40 for any list that fits into memory.
fn pick<R: CryptoRng + ?Sized>(keys: &[(u32, [u8; 32])], rng: &mut R) -> Result<(u32, [u8; 32])> {
    let count = u64::try_from(keys.len()).map_err(|_| Error::NoPreKey)?;
    let index = rng.next_u64().checked_rem(count).ok_or(Error::NoPreKey)?;
    usize::try_from(index).ok().and_then(|index| keys.get(index)).copied().ok_or(Error::NoPreKey)
}
