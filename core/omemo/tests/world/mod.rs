//! A model of two devices and the wire between them, which foretells what becomes of every message.
//!
//! Devices hold stored bytes only, so every session is written and read again at every step.

#![allow(dead_code, reason = "each test file uses its own part")]

use dunnock_omemo::{Bundle, Encrypted, Error, Version, generate_pre_keys};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::device::Device;

/// One step; sides are 0 and 1, a place picks a message that is under way, or one that arrived before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A side writes a message, in a new session if it has none.
    Says(usize),
    /// The message at this place arrives: first come is not first served.
    Arrives(usize, usize),
    /// It never arrives.
    IsLost(usize, usize),
    /// A message that was read comes again.
    Repeats(usize, usize),
    /// Before the message itself comes a copy with one byte changed: which message, which byte, and the bits.
    ComesDamaged(usize, usize, usize, u8),
    /// A side begins a fresh session though it may have one: after a lost state, or at the same time as the other side.
    Begins(usize),
}

/// What one side wrote: its words and its bytes.
pub(crate) type Message = (String, Encrypted);

/// Two devices, and all that they wrote.
pub(crate) struct World {
    devices: [Device; 2],
    /// The pre-keys of each side that nobody picked yet.
    fresh: [Vec<u32>; 2],
    /// Messages on their way to each side.
    coming: [Vec<Message>; 2],
    /// Messages that each side has read.
    read: [Vec<Message>; 2],
    written: usize,
    /// How often a ratchet key was made.
    pub(crate) turns: usize,
}

impl World {
    /// Two who do not know each other, with so many pre-keys: one for each session that the steps may begin.
    pub(crate) fn new(version: Version, pre_keys: u32) -> Self {
        Self::of([1, 2].map(|number| {
            let mut device = Device::new(version, number);
            let pairs = generate_pre_keys(&mut StdRng::seed_from_u64(number), 1, pre_keys);
            device.pre_keys = pairs.iter().map(|pair| (pair.id(), pair.to_bytes().to_vec())).collect();
            device
        }))
    }

    /// These two, who do not know each other.
    pub(crate) fn of(devices: [Device; 2]) -> Self {
        let none = || [Vec::new(), Vec::new()];
        let fresh = [0, 1].map(|side| devices[side].pre_keys.keys().copied().collect());
        Self { devices, fresh, coming: none(), read: none(), written: 0, turns: 0 }
    }

    /// Them alone, as they are now.
    pub(crate) fn into_devices(self) -> [Device; 2] {
        self.devices
    }

    /// The other side's bundle with one pre-key that nobody took yet.
    fn bundle_of(&mut self, side: usize) -> Bundle {
        let mut bundle = self.devices[side].bundle();
        let id = self.fresh[side].pop().unwrap();
        bundle.pre_keys.retain(|key| key.0 == id);
        bundle
    }

    pub(crate) fn begins(&mut self, side: usize) {
        let bundle = self.bundle_of(1 - side);
        self.devices[side].begin(&bundle).unwrap();
    }

    pub(crate) fn says(&mut self, side: usize) {
        if self.devices[side].sessions.is_empty() {
            self.begins(side);
        }
        self.turns += usize::from(self.devices[side].current().turn_is_due());
        let words = format!("message {} of side {side}", self.written);
        self.written += 1;
        let message = self.devices[side].says(&words);
        self.coming[1 - side].push((words, message));
    }

    pub(crate) fn arrives(&mut self, side: usize, place: usize) {
        let message = self.coming[side].remove(place);
        assert_eq!(self.devices[side].reads(&message.1).as_ref(), Ok(&message.0));
        self.refuses(side, &message.1, Some(Error::AlreadyRead));
        self.read[side].push(message);
    }

    /// Nothing is read and nothing stored.
    fn refuses(&mut self, side: usize, message: &Encrypted, expected: Option<Error>) {
        let before = self.devices[side].stored();
        let error = self.devices[side].reads(message).expect_err("it is refused");
        assert!(expected.is_none_or(|expected| expected == error), "{error}");
        assert!(before == self.devices[side].stored(), "a refusal leaves no trace");
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let pick = |place: usize, list: &[Message]| place.checked_rem(list.len());
        match *step {
            Step::Says(side) => self.says(side),
            // The last one is for a side that has no session yet.
            Step::Begins(side) if self.fresh[1 - side].len() > 1 => self.begins(side),
            Step::Begins(_) => {}
            Step::Arrives(side, place) => {
                if let Some(place) = pick(place, &self.coming[side]) {
                    self.arrives(side, place);
                }
            }
            Step::IsLost(side, place) => {
                if let Some(place) = pick(place, &self.coming[side]) {
                    self.coming[side].remove(place);
                }
            }
            Step::Repeats(side, place) => {
                if let Some(place) = pick(place, &self.read[side]) {
                    let message = copy(&self.read[side][place].1);
                    self.refuses(side, &message, Some(Error::AlreadyRead));
                }
            }
            Step::ComesDamaged(side, place, byte, mask) => {
                if let Some(place) = pick(place, &self.coming[side]) {
                    let mut message = copy(&self.coming[side][place].1);
                    let byte = byte % message.data.len();
                    message.data[byte] ^= mask;
                    self.refuses(side, &message, None);
                }
            }
        }
    }

    /// Whatever is still under way arrives, the newest first; then two lines from each side, and both use one session.
    pub(crate) fn ends(&mut self) {
        for side in 0..2 {
            while let Some(last) = self.coming[side].len().checked_sub(1) {
                self.arrives(side, last);
            }
        }
        for side in [0, 1, 0, 1] {
            self.says(side);
            self.arrives(1 - side, 0);
        }
        let [one, other] = &self.devices;
        assert_eq!(one.current().base_key(), other.current().base_key(), "both sides use the same session");
        assert!(one.current().is_confirmed() && other.current().is_confirmed());
    }
}

fn copy(message: &Encrypted) -> Encrypted {
    Encrypted { key_exchange: message.key_exchange, data: message.data.clone() }
}
