//! A model of two devices and the wire between them: any list of steps leads to the outcome that the model foretells.
//!
//! Devices hold stored bytes only, so every session is written and read again at every step. A list that fails shrinks to
//! the shortest that still does.
#![allow(clippy::unwrap_used)]

mod device;

use device::{BOTH, Device};
use dunnock_omemo::{Bundle, Encrypted, Error, Version, generate_pre_keys};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// One step; sides are 0 and 1, an index picks a message that is under way, or one that arrived before.
#[derive(Debug, Clone)]
enum Step {
    /// A side writes a message, in a new session if it has none.
    Says(usize),
    /// The message at this place arrives: first come is not first served.
    Arrives(usize, Index),
    /// It never arrives.
    IsLost(usize, Index),
    /// A message that was read comes again.
    Repeats(usize, Index),
    /// A damaged copy comes before the message itself.
    ComesDamaged(usize, Index, Index, u8),
    /// A side begins a fresh session though it may have one: after a lost state, or at the same time as the other side.
    Begins(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = 0..2usize;
    let place = any::<Index>;
    let step = prop_oneof![
        12 => side.clone().prop_map(Step::Says),
        12 => (side.clone(), place()).prop_map(|(side, place)| Step::Arrives(side, place)),
        2 => (side.clone(), place()).prop_map(|(side, place)| Step::IsLost(side, place)),
        3 => (side.clone(), place()).prop_map(|(side, place)| Step::Repeats(side, place)),
        2 => (side.clone(), place(), place(), 1..=255u8).prop_map(|(a, b, c, d)| Step::ComesDamaged(a, b, c, d)),
        1 => side.prop_map(Step::Begins),
    ];
    vec(step, 30..140)
}

/// What one side wrote: its words and its bytes.
type Message = (String, Encrypted);

struct World {
    devices: [Device; 2],
    /// The pre-keys of each side that nobody picked yet.
    fresh: [Vec<u32>; 2],
    /// Messages on their way to each side.
    coming: [Vec<Message>; 2],
    /// Messages that each side has read.
    read: [Vec<Message>; 2],
    written: usize,
    turns: usize,
}

/// Bounds the sessions of a run, so that each finds a pre-key.
const PRE_KEYS: u32 = 160;

impl World {
    fn new(version: Version) -> Self {
        let devices = [1, 2].map(|number| {
            let mut device = Device::new(version, number);
            let pairs = generate_pre_keys(&mut StdRng::seed_from_u64(number), 1, PRE_KEYS);
            device.pre_keys = pairs.iter().map(|pair| (pair.id(), pair.to_bytes().to_vec())).collect();
            device
        });
        let none = || [Vec::new(), Vec::new()];
        let fresh = [(1..=PRE_KEYS).collect(), (1..=PRE_KEYS).collect()];
        Self { devices, fresh, coming: none(), read: none(), written: 0, turns: 0 }
    }

    /// The other side's bundle with one pre-key that nobody took yet.
    fn bundle_of(&mut self, side: usize) -> Bundle {
        let mut bundle = self.devices[side].bundle();
        let id = self.fresh[side].pop().unwrap();
        bundle.pre_keys.retain(|key| key.0 == id);
        bundle
    }

    fn begins(&mut self, side: usize) {
        let bundle = self.bundle_of(1 - side);
        self.devices[side].begin(&bundle).unwrap();
    }

    fn says(&mut self, side: usize) {
        if self.devices[side].sessions.is_empty() {
            self.begins(side);
        }
        self.turns += usize::from(self.devices[side].current().turn_is_due());
        let words = format!("message {} of side {side}", self.written);
        self.written += 1;
        let message = self.devices[side].says(&words);
        self.coming[1 - side].push((words, message));
    }

    fn arrives(&mut self, side: usize, place: usize) {
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

    fn step(&mut self, step: &Step) {
        let pick = |place: &Index, list: &[Message]| (!list.is_empty()).then(|| place.index(list.len()));
        match step {
            Step::Says(side) => self.says(*side),
            Step::Begins(side) => self.begins(*side),
            Step::Arrives(side, place) => {
                if let Some(place) = pick(place, &self.coming[*side]) {
                    self.arrives(*side, place);
                }
            }
            Step::IsLost(side, place) => {
                if let Some(place) = pick(place, &self.coming[*side]) {
                    self.coming[*side].remove(place);
                }
            }
            Step::Repeats(side, place) => {
                if let Some(place) = pick(place, &self.read[*side]) {
                    let message = copy(&self.read[*side][place].1);
                    self.refuses(*side, &message, Some(Error::AlreadyRead));
                }
            }
            Step::ComesDamaged(side, place, byte, mask) => {
                if let Some(place) = pick(place, &self.coming[*side]) {
                    let mut message = copy(&self.coming[*side][place].1);
                    let byte = byte.index(message.data.len());
                    message.data[byte] ^= mask;
                    self.refuses(*side, &message, None);
                }
            }
        }
    }

    /// Whatever is still under way arrives, the newest first; then two lines from each side, and both use one session.
    fn ends(&mut self) {
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

/// Plays the steps; how often a ratchet key was made.
fn play(version: Version, steps: &[Step]) -> usize {
    let mut world = World::new(version);
    steps.iter().for_each(|step| world.step(step));
    world.ends();
    world.turns
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_list_of_steps_has_the_outcome_that_the_model_foretells(steps in steps()) {
        for version in BOTH {
            prop_assert!(play(version, &steps) >= 3, "four lines in turn are at least three turns");
        }
    }
}

#[test]
fn both_sides_begin_again_and_again_and_still_agree() {
    for version in BOTH {
        let mut world = World::new(version);
        for _ in 0..12 {
            for side in 0..2 {
                world.begins(side);
                world.says(side);
            }
            world.arrives(0, 0);
        }
        world.ends();
        assert!(world.turns >= 24);
    }
}
