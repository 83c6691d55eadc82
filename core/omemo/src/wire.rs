//! The messages as they stand inside `<key/>`, in both versions.
//!
//! The two versions have the same parts under different field numbers. Version 0.3 puts a version byte 0x33 before
//! each protobuf message and hangs an 8-byte tag behind the inner one; version 2 wraps message and 16-byte tag in a
//! protobuf message of its own. All fields are presence-checked; unknown ones are skipped, as protobuf demands.

use prost::Message;
use prost::bytes::Bytes;

use crate::Version;
use crate::curve;
use crate::error::{Error, Result};
use crate::identity::IdentityKey;

/// The version byte of 0.3: message version 3, made by a version 3 client.
const VERSION_BYTE: u8 = 0x33;

mod v03 {
    use prost::bytes::Bytes;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Inner {
        #[prost(bytes = "bytes", optional, tag = "1")]
        pub(super) dh_pub: Option<Bytes>,
        #[prost(uint32, optional, tag = "2")]
        pub(super) n: Option<u32>,
        #[prost(uint32, optional, tag = "3")]
        pub(super) pn: Option<u32>,
        #[prost(bytes = "bytes", optional, tag = "4")]
        pub(super) ciphertext: Option<Bytes>,
    }

    /// Field 5, the registration id, means nothing to OMEMO: it is neither sent nor read.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct KeyExchange {
        #[prost(uint32, optional, tag = "1")]
        pub(super) pk_id: Option<u32>,
        #[prost(bytes = "bytes", optional, tag = "2")]
        pub(super) ek: Option<Bytes>,
        #[prost(bytes = "bytes", optional, tag = "3")]
        pub(super) ik: Option<Bytes>,
        #[prost(bytes = "bytes", optional, tag = "4")]
        pub(super) message: Option<Bytes>,
        #[prost(uint32, optional, tag = "6")]
        pub(super) spk_id: Option<u32>,
    }
}

mod v2 {
    use prost::bytes::Bytes;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Inner {
        #[prost(uint32, optional, tag = "1")]
        pub(super) n: Option<u32>,
        #[prost(uint32, optional, tag = "2")]
        pub(super) pn: Option<u32>,
        #[prost(bytes = "bytes", optional, tag = "3")]
        pub(super) dh_pub: Option<Bytes>,
        #[prost(bytes = "bytes", optional, tag = "4")]
        pub(super) ciphertext: Option<Bytes>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Authenticated {
        #[prost(bytes = "bytes", optional, tag = "1")]
        pub(super) mac: Option<Bytes>,
        #[prost(bytes = "bytes", optional, tag = "2")]
        pub(super) message: Option<Bytes>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct KeyExchange {
        #[prost(uint32, optional, tag = "1")]
        pub(super) pk_id: Option<u32>,
        #[prost(uint32, optional, tag = "2")]
        pub(super) spk_id: Option<u32>,
        #[prost(bytes = "bytes", optional, tag = "3")]
        pub(super) ik: Option<Bytes>,
        #[prost(bytes = "bytes", optional, tag = "4")]
        pub(super) ek: Option<Bytes>,
        #[prost(message, optional, tag = "5")]
        pub(super) message: Option<Authenticated>,
    }
}

/// What a key exchange says before its message can be read.
#[derive(Clone, Copy)]
pub struct KeyExchange {
    /// The id of our one-time pre-key that the sender picked.
    pub pre_key_id: u32,
    /// The id of our signed pre-key that the sender saw.
    pub signed_pre_key_id: u32,
    /// The sender's identity key; in version 0.3 in its Curve25519 form only. Compare it with the device's known one.
    pub identity: IdentityKey,
    /// The sender's ephemeral key: it names the session, see [`Session::base_key`](crate::Session::base_key).
    pub base_key: [u8; 32],
}

/// A parsed but not yet authenticated message for this device; it tells which rows are needed to read it.
pub struct Incoming {
    pub(crate) version: Version,
    pub(crate) key_exchange: Option<KeyExchange>,
    pub(crate) ratchet_key: [u8; 32],
    pub(crate) n: u32,
    pub(crate) pn: u32,
    pub(crate) ciphertext: Bytes,
    /// The exact bytes that the tag covers, after the associated data.
    pub(crate) authenticated: Bytes,
    pub(crate) tag: Bytes,
}

impl Incoming {
    /// Parses the decoded content of `<key/>`.
    ///
    /// `key_exchange` is the element's `prekey` (0.3) or `kex` (2) attribute. [`Error::Malformed`] for anything that
    /// is no such message, [`Error::WeakKey`] for public keys that no honest device sends.
    pub fn parse(version: Version, key_exchange: bool, bytes: &[u8]) -> Result<Self> {
        let bytes = Bytes::copy_from_slice(bytes);
        match version {
            Version::V03 if key_exchange => Self::exchange_03(bytes),
            Version::V03 => Self::message_03(bytes),
            Version::V2 if key_exchange => Self::exchange_2(bytes),
            Version::V2 => Self::message_2(decode(bytes)?),
        }
    }

    /// The key exchange around the message, if there is one.
    pub fn key_exchange(&self) -> Option<&KeyExchange> {
        self.key_exchange.as_ref()
    }

    /// The sender's ratchet key: with [`n`](Self::n) it names a skipped key.
    pub fn ratchet_key(&self) -> &[u8; 32] {
        &self.ratchet_key
    }

    /// The message's counter in the chain of its ratchet key, from 0.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// Which version it belongs to.
    pub fn version(&self) -> Version {
        self.version
    }

    fn exchange_03(bytes: Bytes) -> Result<Self> {
        let outer: v03::KeyExchange = decode(after_version_byte(&bytes)?)?;
        let version = Version::V03;
        let mut incoming = Self::message_03(outer.message.ok_or(Error::Malformed)?)?;
        incoming.key_exchange = Some(KeyExchange {
            pre_key_id: outer.pk_id.ok_or(Error::Malformed)?,
            signed_pre_key_id: outer.spk_id.ok_or(Error::Malformed)?,
            identity: IdentityKey::from_wire(version, &outer.ik.ok_or(Error::Malformed)?)?,
            base_key: public(version, outer.ek)?,
        });
        Ok(incoming)
    }

    fn message_03(mut bytes: Bytes) -> Result<Self> {
        let version = Version::V03;
        let tag = bytes.split_off(bytes.len().checked_sub(version.tag_size()).ok_or(Error::Malformed)?);
        let inner: v03::Inner = decode(after_version_byte(&bytes)?)?;
        Ok(Self {
            version,
            key_exchange: None,
            ratchet_key: public(version, inner.dh_pub)?,
            n: inner.n.ok_or(Error::Malformed)?,
            pn: inner.pn.ok_or(Error::Malformed)?,
            ciphertext: inner.ciphertext.ok_or(Error::Malformed)?,
            authenticated: bytes,
            tag,
        })
    }

    fn exchange_2(bytes: Bytes) -> Result<Self> {
        let outer: v2::KeyExchange = decode(bytes)?;
        let version = Version::V2;
        let mut incoming = Self::message_2(outer.message.ok_or(Error::Malformed)?)?;
        incoming.key_exchange = Some(KeyExchange {
            pre_key_id: outer.pk_id.ok_or(Error::Malformed)?,
            signed_pre_key_id: outer.spk_id.ok_or(Error::Malformed)?,
            identity: IdentityKey::from_wire(version, &outer.ik.ok_or(Error::Malformed)?)?,
            base_key: public(version, outer.ek)?,
        });
        Ok(incoming)
    }

    fn message_2(outer: v2::Authenticated) -> Result<Self> {
        let version = Version::V2;
        let tag = outer.mac.filter(|tag| tag.len() == version.tag_size()).ok_or(Error::Malformed)?;
        let authenticated = outer.message.ok_or(Error::Malformed)?;
        let inner: v2::Inner = decode(authenticated.clone())?;
        Ok(Self {
            version,
            key_exchange: None,
            ratchet_key: public(version, inner.dh_pub)?,
            n: inner.n.ok_or(Error::Malformed)?,
            pn: inner.pn.ok_or(Error::Malformed)?,
            ciphertext: inner.ciphertext.ok_or(Error::Malformed)?,
            authenticated,
            tag,
        })
    }
}

/// The bytes that the tag covers: header and ciphertext, in version 0.3 after the version byte.
pub(crate) fn inner(version: Version, ratchet_key: &[u8; 32], n: u32, pn: u32, ciphertext: Vec<u8>) -> Vec<u8> {
    let (n, pn) = (Some(n), Some(pn));
    let (dh_pub, ciphertext) = (Some(version.encode_public(ratchet_key).into()), Some(ciphertext.into()));
    match version {
        Version::V03 => encode(Some(VERSION_BYTE), &v03::Inner { dh_pub, n, pn, ciphertext }, version.tag_size()),
        Version::V2 => encode(None, &v2::Inner { n, pn, dh_pub, ciphertext }, 0),
    }
}

/// Puts the inner message, its tag and, until the session is confirmed, the key exchange together.
pub(crate) fn outer(version: Version, inner: Vec<u8>, tag: &[u8], around: Option<&KeyExchange>) -> Vec<u8> {
    match version {
        Version::V03 => {
            let mut message = inner;
            message.extend_from_slice(tag);
            let Some(exchange) = around else { return message };
            let outer = v03::KeyExchange {
                pk_id: Some(exchange.pre_key_id),
                ek: Some(version.encode_public(&exchange.base_key).into()),
                ik: exchange.identity.to_wire(version).map(Bytes::from),
                message: Some(message.into()),
                spk_id: Some(exchange.signed_pre_key_id),
            };
            encode(Some(VERSION_BYTE), &outer, 0)
        }
        Version::V2 => {
            let message = v2::Authenticated { mac: Some(Bytes::copy_from_slice(tag)), message: Some(inner.into()) };
            let Some(exchange) = around else { return encode(None, &message, 0) };
            let outer = v2::KeyExchange {
                pk_id: Some(exchange.pre_key_id),
                spk_id: Some(exchange.signed_pre_key_id),
                ik: exchange.identity.to_wire(version).map(Bytes::from),
                ek: Some(Bytes::copy_from_slice(&exchange.base_key)),
                message: Some(message),
            };
            encode(None, &outer, 0)
        }
    }
}

fn encode(first: Option<u8>, message: &impl Message, spare: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(first.iter().len() + message.encoded_len() + spare);
    out.extend(first);
    message.encode_raw(&mut out);
    out
}

fn decode<M: Message + Default>(bytes: Bytes) -> Result<M> {
    M::decode(bytes).map_err(|_| Error::Malformed)
}

fn after_version_byte(bytes: &Bytes) -> Result<Bytes> {
    if bytes.first() == Some(&VERSION_BYTE) { Ok(bytes.slice(1..)) } else { Err(Error::Malformed) }
}

fn public(version: Version, field: Option<Bytes>) -> Result<[u8; 32]> {
    let key = version.decode_public(&field.ok_or(Error::Malformed)?)?;
    curve::check_public(&key)?;
    Ok(key)
}
