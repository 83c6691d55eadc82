//! A device that keeps its state the way an engine does: everything in stored form, several sessions for each
//! partner, skipped keys as rows. Each operation loads what it needs and stores what it is told to.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::{BTreeMap, VecDeque};

use dunnock_omemo::{
    Bundle, Change, Encrypted, Error, Identity, Incoming, MAX_SKIPPED_STORED, PreKeyPair, Session, SignedPreKeyPair,
    SkippedKey, Version, generate_pre_keys, sign_pre_key,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) const BOTH: [Version; 2] = [Version::V03, Version::V2];

type SkippedRow = ([u8; 32], u32, [u8; 32]);

/// A stored session with its skipped keys, oldest first.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) session: Vec<u8>,
    pub(crate) skipped: VecDeque<SkippedRow>,
}

/// One device and its sessions with one partner. A clone is what a crash would find on the disk.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) version: Version,
    pub(crate) seed: [u8; 32],
    pub(crate) signed: Vec<u8>,
    pub(crate) pre_keys: BTreeMap<u32, Vec<u8>>,
    /// The current one first, then archived ones.
    pub(crate) sessions: Vec<Row>,
    /// The seed of the next operation's randomness.
    pub(crate) random: u64,
}

impl Device {
    pub(crate) fn new(version: Version, number: u64) -> Self {
        let mut random = StdRng::seed_from_u64(number);
        let identity = Identity::generate(&mut random);
        let signed = sign_pre_key(version, &identity, 1, &mut random).to_bytes().to_vec();
        let pre_keys =
            generate_pre_keys(&mut random, 1, 4).iter().map(|pair| (pair.id(), pair.to_bytes().to_vec())).collect();
        Self { version, seed: *identity.seed(), signed, pre_keys, sessions: Vec::new(), random: number << 32 }
    }

    fn random(&mut self) -> StdRng {
        self.random += 1;
        StdRng::seed_from_u64(self.random)
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::from_seed(&self.seed)
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let pre_keys: Vec<_> = self.pre_keys.values().map(|row| PreKeyPair::from_bytes(row).unwrap()).collect();
        Bundle::new(&self.identity(), &SignedPreKeyPair::from_bytes(&self.signed).unwrap(), &pre_keys)
    }

    /// All that is stored, for comparing.
    pub(crate) fn stored(&self) -> (Vec<Row>, BTreeMap<u32, Vec<u8>>) {
        (self.sessions.clone(), self.pre_keys.clone())
    }

    pub(crate) fn begin(&mut self, bundle: &Bundle) -> Result<(), Error> {
        let mut random = self.random();
        let session = Session::initiate(self.version, &self.identity(), bundle, &mut random)?;
        self.sessions.insert(0, Row { session: session.to_bytes().to_vec(), skipped: VecDeque::new() });
        Ok(())
    }

    pub(crate) fn current(&self) -> Session {
        Session::from_bytes(&self.sessions[0].session).unwrap()
    }

    /// Encrypts in the current session.
    pub(crate) fn says(&mut self, words: &str) -> Encrypted {
        let mut random = self.random();
        let (encrypted, change) = self.current().encrypt(words.as_bytes(), &mut random).unwrap();
        self.store(0, change);
        encrypted
    }

    /// Reads a message with whatever session fits, which then becomes the current one.
    pub(crate) fn reads(&mut self, message: &Encrypted) -> Result<String, Error> {
        self.reads_bytes(message).map(|clear| text(&clear))
    }

    /// The same for key material of any kind.
    pub(crate) fn reads_bytes(&mut self, message: &Encrypted) -> Result<Vec<u8>, Error> {
        let message = Incoming::parse(self.version, message.key_exchange, &message.data)?;
        let mut order: Vec<usize> = (0..self.sessions.len()).collect();
        order.sort_by_key(|index| !self.session(*index).recognises(&message));
        let mut failure = None;
        for index in order {
            let session = self.session(index);
            if message.key_exchange().is_some() && !session.recognises(&message) {
                continue;
            }
            match session.decrypt(&message, self.skipped(index, &message).as_ref()) {
                Ok((decrypted, change)) => {
                    assert!(!decrypted.new_session);
                    self.store(index, change);
                    let row = self.sessions.remove(index);
                    self.sessions.insert(0, row);
                    return Ok(decrypted.key_material.to_vec());
                }
                Err(Error::Forged) => failure = failure.or(Some(Error::Forged)),
                Err(error) => return Err(error),
            }
        }
        match message.key_exchange() {
            Some(_) if failure.is_none() => self.accepts(&message),
            _ => Err(failure.unwrap_or(Error::Forged)),
        }
    }

    fn accepts(&mut self, message: &Incoming) -> Result<Vec<u8>, Error> {
        let exchange = message.key_exchange().unwrap();
        let pre_key = self.pre_keys.get(&exchange.pre_key_id).map(|row| PreKeyPair::from_bytes(row).unwrap());
        let signed = SignedPreKeyPair::from_bytes(&self.signed).unwrap();
        let (decrypted, change) = Session::accept(&self.identity(), Some(&signed), pre_key.as_ref(), message)?;
        assert!(decrypted.new_session);
        self.sessions.insert(0, Row { session: Vec::new(), skipped: VecDeque::new() });
        self.store(0, change);
        Ok(decrypted.key_material.to_vec())
    }

    fn session(&self, index: usize) -> Session {
        Session::from_bytes(&self.sessions[index].session).unwrap()
    }

    fn skipped(&self, index: usize, message: &Incoming) -> Option<SkippedKey> {
        let rows = &self.sessions[index].skipped;
        let row = rows.iter().find(|row| row.0 == *message.ratchet_key() && row.1 == message.n())?;
        Some(SkippedKey::new(row.0, row.1, &row.2))
    }

    fn store(&mut self, index: usize, change: Change) {
        let row = &mut self.sessions[index];
        let bytes = change.session.to_bytes().to_vec();
        let again = Session::from_bytes(&bytes).unwrap().to_bytes();
        assert_eq!(bytes, *again, "stored bytes are canonical");
        row.session = bytes;
        if let Some(used) = change.used_skipped() {
            row.skipped.retain(|key| (key.0, key.1) != used);
        }
        row.skipped.extend(change.new_skipped.iter().map(|key| (*key.ratchet_key(), key.n(), *key.message_key())));
        while row.skipped.len() > MAX_SKIPPED_STORED {
            row.skipped.pop_front();
        }
        if let Some(id) = change.used_pre_key {
            self.pre_keys.remove(&id);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Two devices, the first of which has begun a session that the second knows and has answered.
pub(crate) fn acquainted(version: Version) -> (Device, Device) {
    let (mut juliet, mut romeo) = (Device::new(version, 1), Device::new(version, 2));
    juliet.begin(&romeo.bundle()).unwrap();
    let hello = juliet.says("hello");
    assert_eq!(romeo.reads(&hello).unwrap(), "hello");
    let answer = romeo.says("hello yourself");
    assert_eq!(juliet.reads(&answer).unwrap(), "hello yourself");
    (juliet, romeo)
}
