//! The Double Ratchet (Trevor Perrin, Moxie Marlinspike), kept so that it suits rows in a database.
//!
//! Two liberties, both invisible on the wire:
//! - The sending half of a ratchet turn waits until we send. So reading needs no randomness, and a one-way talk
//!   costs one Diffie-Hellman less.
//! - The last [`PAST_CHAINS`] receiving chains are kept. Libraries descended from Signal's announce in `pn` the
//!   number of the last message, one less than the paper's count; the paper's rule alone would lose that message. A
//!   chain that its sender has left yields no keys but those of messages already sent, just as stored keys would.

use std::sync::Arc;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Version;
use crate::curve::{self, Secret};
use crate::error::{Error, Result};
use crate::kdf::{self, SealKeys};
use crate::seal;
use crate::wire::{self, Incoming};

/// How many message keys one chain may jump over for one message.
pub const MAX_SKIP: u32 = 1000;

/// How many unused skipped keys the store should keep for a session; beyond it the oldest go first.
pub const MAX_SKIPPED_STORED: usize = 1000;

/// A received chain that reaches this counter wants an empty answer, so that the ratchet turns (XEP-0384, section 6).
pub const HEARTBEAT_COUNTER: u32 = 53;

/// Receiving chains kept beside the current one.
pub(crate) const PAST_CHAINS: usize = 5;

/// Ratchet keys remembered beyond those, to tell a repeated message from a forged one.
pub(crate) const PAST_KEYS: usize = 64;

/// The key of a message that was overtaken by later ones: a row until the message arrives.
pub struct SkippedKey {
    ratchet_key: [u8; 32],
    n: u32,
    message_key: Secret,
}

impl SkippedKey {
    /// From the columns of a row.
    pub fn new(ratchet_key: [u8; 32], n: u32, message_key: &[u8; 32]) -> Self {
        Self { ratchet_key, n, message_key: Zeroizing::new(*message_key) }
    }

    /// The sender's ratchet key.
    pub fn ratchet_key(&self) -> &[u8; 32] {
        &self.ratchet_key
    }

    /// The message's counter under that ratchet key.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// The secret message key, for the store only.
    pub fn message_key(&self) -> &[u8; 32] {
        &self.message_key
    }
}

/// An option whose absent value is zeros. An `Option` that is `None` takes along whatever its place on the stack held
/// before, an old secret perhaps, and a session that is put on the heap would leave it there.
pub(crate) struct Slot<T> {
    filled: bool,
    value: T,
}

impl<T: Default> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self { filled: false, value: T::default() }
    }

    pub(crate) fn new(value: T) -> Self {
        Self { filled: true, value }
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.filled.then_some(&self.value)
    }

    #[cfg(test)]
    pub(crate) fn as_mut(&mut self) -> Option<&mut T> {
        self.filled.then_some(&mut self.value)
    }

    fn map(&self, copy: impl FnOnce(&T) -> T) -> Self {
        self.as_ref().map_or_else(Self::empty, |value| Self::new(copy(value)))
    }

    /// The value, made first if there is none.
    fn or_make(&mut self, make: impl FnOnce() -> Result<T>) -> Result<&mut T> {
        if !self.filled {
            *self = Self::new(make()?);
        }
        Ok(&mut self.value)
    }
}

/// A chain key and the counter of the next message.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) key: Secret,
    pub(crate) n: u32,
}

impl Chain {
    fn copy(&self) -> Self {
        Self { key: self.key.clone(), n: self.n }
    }

    fn step(&mut self) -> Result<Secret> {
        let n = self.n.checked_add(1).ok_or(Error::WornOut)?;
        let (message_key, next) = kdf::chain_step(&self.key);
        self.key = next;
        self.n = n;
        Ok(message_key)
    }

    /// Steps up to counter `n`, leaving the keys on the way in `skipped`; returns the key of `n` itself.
    fn reach(&mut self, n: u32, ratchet_key: &[u8; 32], skipped: &mut Vec<SkippedKey>) -> Result<Secret> {
        self.skip(n, ratchet_key, skipped)?;
        self.step()
    }

    fn skip(&mut self, n: u32, ratchet_key: &[u8; 32], skipped: &mut Vec<SkippedKey>) -> Result<()> {
        while self.n < n {
            let counter = self.n;
            skipped.push(SkippedKey { ratchet_key: *ratchet_key, n: counter, message_key: self.step()? });
        }
        Ok(())
    }

    /// How many keys lie between here and `n`, if no more than allowed.
    fn gap(&self, n: u32) -> Result<usize> {
        let gap = n.checked_sub(self.n).ok_or(Error::AlreadyRead)?;
        if gap > MAX_SKIP { Err(Error::TooManySkipped) } else { Ok(gap as usize) }
    }
}

/// Our ratchet key and the chain that we send under it.
#[derive(Default)]
pub(crate) struct Sending {
    pub(crate) secret: Secret,
    pub(crate) public: [u8; 32],
    pub(crate) chain: Chain,
}

/// A receiving chain that its sender has left.
pub(crate) struct Past {
    pub(crate) ratchet_key: [u8; 32],
    pub(crate) chain: Chain,
}

impl Past {
    fn copy(&self) -> Self {
        Self { ratchet_key: self.ratchet_key, chain: self.chain.copy() }
    }
}

/// A ratchet key of long ago: enough to say that its messages were dealt with.
#[derive(Clone, Copy)]
pub(crate) struct PastKey {
    pub(crate) prefix: [u8; 8],
    pub(crate) n: u32,
}

/// The whole state of one session's ratchet but its skipped keys.
pub(crate) struct Ratchet {
    pub(crate) root: Secret,
    /// Empty while our half of a turn is due, which the next encryption makes up for.
    pub(crate) sending: Slot<Sending>,
    /// How many messages our previous sending chain had.
    pub(crate) pn: u32,
    /// The other side's ratchet key; at first the signed pre-key.
    pub(crate) peer: [u8; 32],
    /// Empty until the other side's first message.
    pub(crate) receiving: Slot<Chain>,
    /// What the other side has left behind; shared by copies, for only a turn or a late message changes it.
    pub(crate) kept: Option<Arc<Kept>>,
}

/// Chains and keys of earlier turns, newest first.
#[derive(Default)]
pub(crate) struct Kept {
    /// Never grows or shrinks in place, which would leave keys behind in freed or unused memory.
    pub(crate) chains: Vec<Past>,
    pub(crate) older: Vec<PastKey>,
}

impl Kept {
    /// The same with one more chain, that was just left; the oldest chain becomes a remembered key.
    fn with((chains, older): (&[Past], &[PastKey]), left: Past) -> Self {
        let mut new = Self::default();
        if let Some(old) = chains.get(PAST_CHAINS - 1) {
            let mut prefix = [0; 8];
            prefix.copy_from_slice(&old.ratchet_key[..8]);
            new.older.push(PastKey { prefix, n: old.chain.n });
        }
        new.older.extend(older.iter().take(PAST_KEYS - new.older.len()));
        new.chains.reserve_exact(chains.len() + 1);
        new.chains.push(left);
        new.chains.extend(chains.iter().take(PAST_CHAINS - 1).map(Past::copy));
        new
    }

    /// The same with one chain moved on.
    fn with_moved(&self, index: usize, chain: Chain) -> Self {
        let mut chains: Vec<_> = self.chains.iter().map(Past::copy).collect();
        chains[index].chain = chain;
        Self { chains, older: self.older.clone() }
    }
}

/// What reading a message yields.
pub(crate) struct Read {
    pub(crate) clear: Zeroizing<Vec<u8>>,
    pub(crate) ratchet: Ratchet,
    pub(crate) skipped: Vec<SkippedKey>,
    pub(crate) heartbeat_due: bool,
}

impl Ratchet {
    /// The initiator's start: the first message makes our ratchet key and answers the signed pre-key.
    pub(crate) fn initiator(root: Secret, signed_pre_key: [u8; 32]) -> Self {
        Self::new(root, Slot::empty(), signed_pre_key)
    }

    /// The responder's start: the signed pre-key is our ratchet key, under which nothing is ever sent.
    pub(crate) fn responder(root: Secret, secret: &Secret, public: [u8; 32]) -> Self {
        let sending = Sending { secret: secret.clone(), public, chain: Chain::default() };
        Self::new(root, Slot::new(sending), [0; 32])
    }

    fn new(root: Secret, sending: Slot<Sending>, peer: [u8; 32]) -> Self {
        Self { root, sending, pn: 0, peer, receiving: Slot::empty(), kept: None }
    }

    pub(crate) fn copy(&self) -> Self {
        Self {
            root: self.root.clone(),
            sending: self.sending.map(|s| Sending {
                secret: s.secret.clone(),
                public: s.public,
                chain: s.chain.copy(),
            }),
            pn: self.pn,
            peer: self.peer,
            receiving: self.receiving.map(Chain::copy),
            kept: self.kept.clone(),
        }
    }

    /// Seals `clear`; returns the bytes that the tag covers, and the whole tag.
    pub(crate) fn write<R: CryptoRng + ?Sized>(
        &mut self,
        version: Version,
        associated: &[u8],
        clear: &[u8],
        rng: &mut R,
    ) -> Result<(Vec<u8>, [u8; 32])> {
        let (root, peer) = (&mut self.root, &self.peer);
        let sending = self.sending.or_make(|| {
            let secret = curve::generate(rng);
            let shared = curve::agree(&secret, peer)?;
            let (next, key) = kdf::root_step(version, root, &shared);
            *root = next;
            let public = curve::public(&secret);
            Ok(Sending { secret, public, chain: Chain { key, n: 0 } })
        })?;
        let n = sending.chain.n;
        let keys = SealKeys::for_message(version, &sending.chain.step()?);
        let inner = wire::inner(version, &sending.public, n, self.pn, seal::encrypt(&keys, clear));
        let tag = seal::tag(&keys, [associated, &inner]);
        Ok((inner, tag))
    }

    /// Reads a message whose key is still to be derived; `self` stays as it is.
    pub(crate) fn read(&self, message: &Incoming, associated: &[u8]) -> Result<Read> {
        if let Some(chain) = self.receiving.as_ref().filter(|_| message.ratchet_key == self.peer) {
            let mut chain = chain.copy();
            let heartbeat_due = crosses_heartbeat(chain.n, message.n);
            let (clear, skipped) = read_in_chain(&mut chain, message, associated)?;
            let mut ratchet = self.copy();
            ratchet.receiving = Slot::new(chain);
            return Ok(Read { clear, ratchet, skipped, heartbeat_due });
        }
        match &self.kept {
            Some(kept) => self.read_kept(kept, message, associated).unwrap_or_else(|| self.turn(message, associated)),
            None => self.turn(message, associated),
        }
    }

    /// A message of an earlier turn; `None` if it is of none.
    fn read_kept(&self, kept: &Kept, message: &Incoming, associated: &[u8]) -> Option<Result<Read>> {
        if let Some(index) = kept.chains.iter().position(|past| past.ratchet_key == message.ratchet_key) {
            let mut chain = kept.chains[index].chain.copy();
            return Some(read_in_chain(&mut chain, message, associated).map(|(clear, skipped)| {
                let mut ratchet = self.copy();
                ratchet.kept = Some(Arc::new(kept.with_moved(index, chain)));
                Read { clear, ratchet, skipped, heartbeat_due: false }
            }));
        }
        let older = kept.older.iter().find(|older| message.ratchet_key.starts_with(&older.prefix))?;
        Some(Err(if message.n < older.n { Error::AlreadyRead } else { Error::Forged }))
    }

    /// The other side shows a new ratchet key: its half of a turn.
    fn turn(&self, message: &Incoming, associated: &[u8]) -> Result<Read> {
        // While our half is due the other side has seen no new key of ours and cannot have turned again.
        let sending = self.sending.as_ref().ok_or(Error::Forged)?;
        let mut left = self.receiving.as_ref().map(Chain::copy);
        // A `pn` too far ahead must not block the session for ever: what is out of reach stays in the kept chain.
        let pn = left.as_ref().map_or(0, |chain| message.pn.min(chain.n.saturating_add(MAX_SKIP)));
        let before = left.as_ref().map_or(0, |chain| pn.saturating_sub(chain.n) as usize);

        let mut chain = Chain::default();
        let mut skipped = Vec::with_capacity(before + chain.gap(message.n)?);
        let shared = curve::agree(&sending.secret, &message.ratchet_key)?;
        let (root, key) = kdf::root_step(message.version, &self.root, &shared);
        chain.key = key;
        let message_key = chain.reach(message.n, &message.ratchet_key, &mut skipped)?;
        let clear = open(&message_key, message, associated)?;

        if let Some(left) = &mut left {
            left.skip(pn, &self.peer, &mut skipped)?;
            skipped.rotate_right(before);
        }
        let mut ratchet = self.copy();
        if let Some(left) = left {
            let left = Past { ratchet_key: self.peer, chain: left };
            ratchet.kept = Some(Arc::new(Kept::with(self.kept(), left)));
        }
        ratchet.root = root;
        ratchet.pn = sending.chain.n;
        ratchet.sending = Slot::empty();
        ratchet.peer = message.ratchet_key;
        ratchet.receiving = Slot::new(chain);
        Ok(Read { clear, ratchet, skipped, heartbeat_due: crosses_heartbeat(0, message.n) })
    }

    /// Chains and keys of earlier turns.
    pub(crate) fn kept(&self) -> (&[Past], &[PastKey]) {
        self.kept.as_ref().map_or((&[], &[]), |kept| (&kept.chains, &kept.older))
    }

    /// Whether messages under this ratchet key belong to this session.
    pub(crate) fn knows(&self, ratchet_key: &[u8; 32]) -> bool {
        let (chains, older) = self.kept();
        (self.receiving.as_ref().is_some() && self.peer == *ratchet_key)
            || chains.iter().any(|past| past.ratchet_key == *ratchet_key)
            || older.iter().any(|older| ratchet_key.starts_with(&older.prefix))
    }
}

/// Whether this is the first message of its chain at or beyond the heartbeat counter; `next` is the chain's counter.
fn crosses_heartbeat(next: u32, n: u32) -> bool {
    next <= HEARTBEAT_COUNTER && n >= HEARTBEAT_COUNTER
}

fn read_in_chain(
    chain: &mut Chain,
    message: &Incoming,
    associated: &[u8],
) -> Result<(Zeroizing<Vec<u8>>, Vec<SkippedKey>)> {
    let mut skipped = Vec::with_capacity(chain.gap(message.n)?);
    let message_key = chain.reach(message.n, &message.ratchet_key, &mut skipped)?;
    Ok((open(&message_key, message, associated)?, skipped))
}

/// Checks the tag, then decrypts.
pub(crate) fn open(message_key: &Secret, message: &Incoming, associated: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let keys = SealKeys::for_message(message.version, message_key);
    seal::check(&keys, [associated, &message.authenticated], message.version.tag_size(), &message.tag)?;
    seal::decrypt(&keys, &message.ciphertext)
}

/// Opens with a stored skipped key, which must be the message's own.
pub(crate) fn open_skipped(key: &SkippedKey, message: &Incoming, associated: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if key.n != message.n || key.ratchet_key != message.ratchet_key {
        return Err(Error::Forged);
    }
    open(&key.message_key, message, associated)
}
