//! The stored form of a [`Session`]: canonical, versioned, and without skipped keys.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Version;
use crate::error::{Error, Result};
use crate::identity::IdentityKey;
use crate::ratchet::{Chain, Kept, PAST_CHAINS, PAST_KEYS, Past, PastKey, Ratchet, Sending, Slot};
use crate::session::Session;
use crate::stored::{Reader, Writer};

/// Rises with each change of the layout; older numbers stay readable.
const FORMAT: u8 = 1;

/// A chain key and its counter.
const CHAIN: usize = 36;

const INITIATOR: u8 = 1;
const CONFIRMED: u8 = 2;
const SENDING: u8 = 4;
const RECEIVING: u8 = 8;

impl Session {
    /// The secret bytes for the store: at most 2 kB, the same for the same state.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let ratchet = &self.ratchet;
        let mut out = Writer::with_capacity(self.stored_size());
        out.u8(FORMAT);
        out.u8(match self.version {
            Version::V03 => 0,
            Version::V2 => 2,
        });
        let flag = |bit: u8, set: bool| if set { bit } else { 0 };
        out.u8(flag(INITIATOR, self.initiator)
            | flag(CONFIRMED, self.confirmed)
            | flag(SENDING, ratchet.sending.as_ref().is_some())
            | flag(RECEIVING, ratchet.receiving.as_ref().is_some()));
        identity_to(&mut out, self.version, &self.own);
        identity_to(&mut out, self.version, &self.peer);
        out.u32(self.pre_key_id);
        out.u32(self.signed_pre_key_id);
        out.bytes(&self.base_key);
        out.bytes(&*ratchet.root);
        out.bytes(&ratchet.peer);
        out.u32(ratchet.pn);
        if let Some(sending) = ratchet.sending.as_ref() {
            out.bytes(&*sending.secret);
            out.bytes(&sending.public);
            chain_to(&mut out, &sending.chain);
        }
        if let Some(chain) = ratchet.receiving.as_ref() {
            chain_to(&mut out, chain);
        }
        let (chains, older) = ratchet.kept();
        out.u8(chains.len() as u8);
        for past in chains {
            out.bytes(&past.ratchet_key);
            chain_to(&mut out, &past.chain);
        }
        out.u8(older.len() as u8);
        for older in older {
            out.bytes(&older.prefix);
            out.u32(older.n);
        }
        out.finish()
    }

    /// How many bytes it takes, so that the buffer neither grows nor has much to be wiped.
    fn stored_size(&self) -> usize {
        let ratchet = &self.ratchet;
        let identity = if self.version == Version::V2 { 64 } else { 32 };
        let sending = if ratchet.sending.as_ref().is_some() { 64 + CHAIN } else { 0 };
        let receiving = if ratchet.receiving.as_ref().is_some() { CHAIN } else { 0 };
        let (chains, older) = ratchet.kept();
        let kept = 1 + chains.len() * (32 + CHAIN) + 1 + older.len() * 12;
        3 + 2 * identity + 8 + 3 * 32 + 4 + sending + receiving + kept
    }

    /// From stored bytes; [`Error::Corrupt`] if this crate did not write them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut from = Reader::new(bytes);
        from.expect(FORMAT)?;
        let version = match from.u8()? {
            0 => Version::V03,
            2 => Version::V2,
            _ => return Err(Error::Corrupt),
        };
        let flags = from.u8()?;
        if flags & !(INITIATOR | CONFIRMED | SENDING | RECEIVING) != 0 {
            return Err(Error::Corrupt);
        }
        let session = Self {
            version,
            initiator: flags & INITIATOR != 0,
            confirmed: flags & CONFIRMED != 0,
            own: identity_from(&mut from, version)?,
            peer: identity_from(&mut from, version)?,
            pre_key_id: from.u32()?,
            signed_pre_key_id: from.u32()?,
            base_key: from.array()?,
            ratchet: ratchet_from(&mut from, flags)?,
        };
        from.end()?;
        Ok(session)
    }
}

fn ratchet_from(from: &mut Reader<'_>, flags: u8) -> Result<Ratchet> {
    let mut ratchet = Ratchet {
        root: from.secret()?,
        peer: from.array()?,
        pn: from.u32()?,
        sending: Slot::empty(),
        receiving: Slot::empty(),
        kept: None,
    };
    if flags & SENDING != 0 {
        ratchet.sending =
            Slot::new(Sending { secret: from.secret()?, public: from.array()?, chain: chain_from(from)? });
    }
    if flags & RECEIVING != 0 {
        ratchet.receiving = Slot::new(chain_from(from)?);
    }
    let kept = kept_from(from)?;
    ratchet.kept = (!kept.chains.is_empty() || !kept.older.is_empty()).then(|| Arc::new(kept));
    Ok(ratchet)
}

fn kept_from(from: &mut Reader<'_>) -> Result<Kept> {
    let count = usize::from(from.u8()?);
    if count > PAST_CHAINS {
        return Err(Error::Corrupt);
    }
    let mut chains = Vec::with_capacity(count);
    for _ in 0..count {
        chains.push(Past { ratchet_key: from.array()?, chain: chain_from(from)? });
    }
    let count = usize::from(from.u8()?);
    if count > PAST_KEYS {
        return Err(Error::Corrupt);
    }
    let older = (0..count).map(|_| Ok(PastKey { prefix: from.array()?, n: from.u32()? })).collect::<Result<_>>()?;
    Ok(Kept { chains, older })
}

fn chain_to(out: &mut Writer, chain: &Chain) {
    out.bytes(&*chain.key);
    out.u32(chain.n);
}

fn chain_from(from: &mut Reader<'_>) -> Result<Chain> {
    Ok(Chain { key: from.secret()?, n: from.u32()? })
}

fn identity_to(out: &mut Writer, version: Version, key: &IdentityKey) {
    out.bytes(&key.montgomery());
    if version == Version::V2 {
        out.bytes(&key.ed25519().unwrap_or_default());
    }
}

fn identity_from(from: &mut Reader<'_>, version: Version) -> Result<IdentityKey> {
    let montgomery = from.array()?;
    let edwards = if version == Version::V2 { Some(from.array()?) } else { None };
    Ok(IdentityKey::from_stored(montgomery, edwards))
}
