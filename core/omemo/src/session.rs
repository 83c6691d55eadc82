//! A session with one device: key agreement, ratchet and wire put together.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Version;
use crate::error::{Error, Result};
use crate::identity::{Identity, IdentityKey};
use crate::keys::{Bundle, PreKeyPair, SignedPreKeyPair};
use crate::ratchet::{self, Ratchet, SkippedKey, Slot};
use crate::wire::{self, Incoming, KeyExchange};
use crate::x3dh;

/// The state shared with one device in one version, without skipped keys, which are rows of their own.
///
/// All operations take `&self` and return the state that follows in a [`Change`]: store it before the output leaves.
/// Two encryptions from one state use one key, so each must start from the state that the one before left behind.
///
/// Keep several sessions for a device: the current one, and a few archived ones (a handful is enough). When both
/// sides begin at the same time, each receives the other's key exchange and a second session arises; late messages
/// of the losing one still come. Whichever session read a message last becomes the current one, so both sides soon
/// agree. Delete a session not before the pre-key of its key exchange is gone: the session is what makes a repeated
/// key exchange [`Error::AlreadyRead`].
pub struct Session {
    pub(crate) version: Version,
    pub(crate) initiator: bool,
    pub(crate) confirmed: bool,
    pub(crate) own: IdentityKey,
    pub(crate) peer: IdentityKey,
    pub(crate) pre_key_id: u32,
    pub(crate) signed_pre_key_id: u32,
    pub(crate) base_key: [u8; 32],
    pub(crate) ratchet: Ratchet,
}

/// One message for one device.
pub struct Encrypted {
    /// Whether it carries the key exchange: the `prekey` (0.3) or `kex` (2) attribute of `<key/>`.
    pub key_exchange: bool,
    /// The content of `<key/>` before base64.
    pub data: Vec<u8>,
}

/// What a message for this device said.
pub struct Decrypted {
    /// Key and tag of the payload, or of an empty message; see [`payload`](crate::payload).
    pub key_material: Zeroizing<Vec<u8>>,
    /// The message came in a key exchange that began a new session: answer with an empty message (XEP-0384, section 6).
    pub new_session: bool,
    /// The first message of its chain at or beyond [`HEARTBEAT_COUNTER`](crate::HEARTBEAT_COUNTER): answer with an empty message.
    pub heartbeat_due: bool,
}

/// What to store, in one transaction, after an operation.
pub struct Change {
    /// The session from now on; store [`Session::to_bytes`].
    pub session: Session,
    /// Rows to add, oldest first; then evict all but the newest [`MAX_SKIPPED_STORED`](crate::MAX_SKIPPED_STORED) of this session.
    pub new_skipped: Vec<SkippedKey>,
    used_skipped: Slot<([u8; 32], u32)>,
    /// The one-time pre-key that began this session: withdraw it from the bundle at once, and delete it once no
    /// archive catch-up runs.
    pub used_pre_key: Option<u32>,
}

impl Change {
    fn of(session: Session) -> Self {
        Self { session, new_skipped: Vec::new(), used_skipped: Slot::empty(), used_pre_key: None }
    }

    /// The row of a skipped key to delete: ratchet key and counter.
    pub fn used_skipped(&self) -> Option<([u8; 32], u32)> {
        self.used_skipped.as_ref().copied()
    }
}

impl Session {
    /// Begins a session from a device's bundle, with a one-time pre-key picked at random.
    ///
    /// Nothing is sent yet: store the session that the first [`encrypt`](Self::encrypt) returns. The bundle is
    /// verified: [`Error::BadSignature`], [`Error::WeakKey`], [`Error::NoPreKey`]; [`Error::IdentityMismatch`] for
    /// our own identity.
    pub fn initiate<R: CryptoRng + ?Sized>(
        version: Version,
        identity: &Identity,
        bundle: &Bundle,
        rng: &mut R,
    ) -> Result<Self> {
        let (root, exchange) = x3dh::initiate(version, identity, bundle, rng)?;
        let ratchet = Ratchet::initiator(root, bundle.signed_pre_key);
        Ok(Self::new(version, true, (identity.public(), bundle.identity), &exchange, ratchet))
    }

    /// Begins a session from a key exchange that belongs to no stored session, and reads its message.
    ///
    /// First look for a session (current or archived) with this [`base_key`](Self::base_key) and give the message to
    /// its [`decrypt`](Self::decrypt). Pass the rows that [`Incoming::key_exchange`] names, `None` where there is
    /// none: [`Error::UnknownPreKey`], [`Error::UnknownSignedPreKey`]. The caller compares the identity with what it
    /// knows of the device before it calls this.
    pub fn accept(
        identity: &Identity,
        signed_pre_key: Option<&SignedPreKeyPair>,
        pre_key: Option<&PreKeyPair>,
        message: &Incoming,
    ) -> Result<(Decrypted, Change)> {
        let exchange = message.key_exchange().ok_or(Error::Malformed)?;
        if exchange.identity == identity.public() {
            return Err(Error::IdentityMismatch);
        }
        let signed = signed_pre_key.filter(|key| key.id() == exchange.signed_pre_key_id);
        let signed = signed.ok_or(Error::UnknownSignedPreKey)?;
        let pre_key = pre_key.filter(|key| key.id() == exchange.pre_key_id).ok_or(Error::UnknownPreKey)?;
        let root = x3dh::respond(message.version, identity, signed, pre_key, &exchange.identity, &exchange.base_key)?;
        let ratchet = Ratchet::responder(root, &signed.secret, *signed.public());
        let parties = (identity.public(), exchange.identity);
        let session = Self::new(message.version, false, parties, exchange, ratchet);
        let (mut decrypted, mut change) = session.read(message, None)?;
        decrypted.new_session = true;
        change.used_pre_key = Some(pre_key.id());
        Ok((decrypted, change))
    }

    fn new(
        version: Version,
        initiator: bool,
        (own, peer): (IdentityKey, IdentityKey),
        exchange: &KeyExchange,
        ratchet: Ratchet,
    ) -> Self {
        Self {
            version,
            initiator,
            confirmed: !initiator,
            own: own.only_for(version),
            peer: peer.only_for(version),
            pre_key_id: exchange.pre_key_id,
            signed_pre_key_id: exchange.signed_pre_key_id,
            base_key: exchange.base_key,
            ratchet,
        }
    }

    /// Encrypts the key material of a payload or of an empty message for this device.
    ///
    /// Wrapped in the key exchange until the first answer was read. Store the change before the bytes leave.
    pub fn encrypt<R: CryptoRng + ?Sized>(&self, key_material: &[u8], rng: &mut R) -> Result<(Encrypted, Change)> {
        let mut session = self.copy();
        let associated = self.associated_data(true);
        let (inner, tag) = session.ratchet.write(self.version, associated.as_ref(), key_material, rng)?;
        let exchange = (!self.confirmed).then_some(KeyExchange {
            pre_key_id: self.pre_key_id,
            signed_pre_key_id: self.signed_pre_key_id,
            identity: self.own,
            base_key: self.base_key,
        });
        let data = wire::outer(self.version, inner, &tag[..self.version.tag_size()], exchange.as_ref());
        Ok((Encrypted { key_exchange: exchange.is_some(), data }, Change::of(session)))
    }

    /// Reads a message of this session.
    ///
    /// `skipped` is the stored row of this session with the message's ratchet key and counter, if there is one. A
    /// key exchange is read only if it is the one that began this session. [`Error::AlreadyRead`] for a repeated
    /// message; [`Error::Forged`] if it is damaged or another session's; [`Error::TooManySkipped`];
    /// [`Error::IdentityMismatch`].
    pub fn decrypt(&self, message: &Incoming, skipped: Option<&SkippedKey>) -> Result<(Decrypted, Change)> {
        if message.version != self.version {
            return Err(Error::Forged);
        }
        if let Some(exchange) = message.key_exchange() {
            self.check_exchange(exchange)?;
        }
        self.read(message, skipped)
    }

    /// The header of a repeated key exchange is covered by no tag, so all of it must be as it was.
    fn check_exchange(&self, exchange: &KeyExchange) -> Result<()> {
        if exchange.base_key != self.base_key || self.initiator {
            return Err(Error::Forged);
        }
        if exchange.identity != self.peer || exchange.identity.ed25519() != self.peer.ed25519() {
            return Err(Error::IdentityMismatch);
        }
        let same = exchange.pre_key_id == self.pre_key_id && exchange.signed_pre_key_id == self.signed_pre_key_id;
        if same { Ok(()) } else { Err(Error::Forged) }
    }

    fn read(&self, message: &Incoming, skipped: Option<&SkippedKey>) -> Result<(Decrypted, Change)> {
        let associated = self.associated_data(false);
        let (key_material, heartbeat_due, mut change) = if let Some(key) = skipped {
            let clear = ratchet::open_skipped(key, message, associated.as_ref())?;
            let mut change = Change::of(self.copy());
            change.used_skipped = Slot::new((message.ratchet_key, message.n));
            (clear, false, change)
        } else {
            let read = self.ratchet.read(message, associated.as_ref())?;
            let mut change = Change::of(self.with(read.ratchet));
            change.new_skipped = read.skipped;
            (read.clear, read.heartbeat_due, change)
        };
        change.session.confirmed = true;
        Ok((Decrypted { key_material, new_session: false, heartbeat_due }, change))
    }

    /// What both sides' tags cover beside the message: both identity keys in the order of the version.
    fn associated_data(&self, sending: bool) -> AssociatedData {
        match self.version {
            // Sender, then receiver.
            Version::V03 if sending => AssociatedData::curve(&self.own, &self.peer),
            Version::V03 => AssociatedData::curve(&self.peer, &self.own),
            // Initiator, then responder, whoever sends.
            Version::V2 if self.initiator => AssociatedData::edwards(&self.own, &self.peer),
            Version::V2 => AssociatedData::edwards(&self.peer, &self.own),
        }
    }

    pub(crate) fn copy(&self) -> Self {
        self.with(self.ratchet.copy())
    }

    fn with(&self, ratchet: Ratchet) -> Self {
        Self { ratchet, ..*self }
    }

    /// Which version the session speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether the other side is known to have the session: it began it, or has answered.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether this side began the session.
    pub fn is_initiator(&self) -> bool {
        self.initiator
    }

    /// The other side's identity key; in version 0.3 in its Curve25519 form only.
    pub fn peer_identity(&self) -> IdentityKey {
        self.peer
    }

    /// The ephemeral key of the key exchange, which names the session among those of a device.
    pub fn base_key(&self) -> &[u8; 32] {
        &self.base_key
    }

    /// Whether a message is clearly of this session: its key exchange or its ratchet key was seen here.
    ///
    /// Try such a session first. A message that no session recognises may still begin a new turn in any of them.
    pub fn recognises(&self, message: &Incoming) -> bool {
        message.version == self.version
            && match message.key_exchange() {
                Some(exchange) => exchange.base_key == self.base_key,
                None => self.ratchet.knows(&message.ratchet_key),
            }
    }

    /// The counter of the next message to be sent: 0 if a ratchet turn comes first.
    pub fn sending_counter(&self) -> u32 {
        self.ratchet.sending.as_ref().map_or(0, |sending| sending.chain.n)
    }

    /// The counter expected next in the chain being received: 0 before the first message.
    pub fn receiving_counter(&self) -> u32 {
        self.ratchet.receiving.as_ref().map_or(0, |chain| chain.n)
    }

    /// Whether the ratchet key of the next message will be a new one.
    pub fn turn_is_due(&self) -> bool {
        self.ratchet.sending.as_ref().is_none()
    }
}

/// 64 or 66 bytes in place.
struct AssociatedData {
    bytes: [u8; 66],
    size: usize,
}

impl AssociatedData {
    fn curve(first: &IdentityKey, second: &IdentityKey) -> Self {
        let mut bytes = [5; 66];
        bytes[1..33].copy_from_slice(&first.montgomery());
        bytes[34..].copy_from_slice(&second.montgomery());
        Self { bytes, size: 66 }
    }

    fn edwards(first: &IdentityKey, second: &IdentityKey) -> Self {
        let mut bytes = [0; 66];
        // Version 2 never shows another form, so neither half can be missing.
        bytes[..32].copy_from_slice(&first.ed25519().unwrap_or_default());
        bytes[32..64].copy_from_slice(&second.ed25519().unwrap_or_default());
        Self { bytes, size: 64 }
    }
}

impl AsRef<[u8]> for AssociatedData {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}
