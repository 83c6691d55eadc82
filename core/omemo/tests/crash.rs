//! A crash at any moment: no key seals two texts, and nothing is lost or read twice.
#![allow(clippy::unwrap_used)]

mod device;

use std::collections::HashMap;

use device::{BOTH, Device, acquainted};
use dunnock_omemo::{Encrypted, Error, Incoming, Version};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What the wire has seen: for each ratchet key and counter one ciphertext only.
#[derive(Default)]
struct Wire(HashMap<([u8; 32], u32), Vec<u8>>);

impl Wire {
    fn carries(&mut self, version: Version, message: &Encrypted) {
        let parsed = Incoming::parse(version, message.key_exchange, &message.data).unwrap();
        let seen = self.0.entry((*parsed.ratchet_key(), parsed.n())).or_insert_with(|| message.data.clone());
        assert_eq!(*seen, message.data, "one key has sealed two messages");
    }
}

#[test]
fn crashes_around_every_commit_reuse_no_key_and_lose_no_message() {
    for version in BOTH {
        let mut random = StdRng::seed_from_u64(12);
        let (juliet, romeo) = acquainted(version);
        let (mut devices, mut wire) = ([juliet, romeo], Wire::default());
        let mut crashes = 0;
        for step in 0..300 {
            let from = random.random_range(0..2usize);
            let mut words = format!("step {step}");
            // The process dies after encrypting and before the commit: the bytes never leave, and the next text may
            // be another.
            let stored = devices[from].clone();
            let mut message = devices[from].says(&words);
            if random.random_range(0..3) == 0 {
                crashes += 1;
                devices[from] = Device { random: devices[from].random + 1, ..stored };
                words += " again";
                message = devices[from].says(&words);
            }
            wire.carries(version, &message);
            // It dies after the commit and before the bytes left: the same bytes go again.
            wire.carries(version, &message);
            if random.random_range(0..4) == 0 {
                continue;
            }
            // The other side dies after reading and before its commit: the server delivers again.
            let stored = devices[1 - from].clone();
            assert_eq!(devices[1 - from].reads(&message).as_ref(), Ok(&words));
            if random.random_range(0..3) == 0 {
                crashes += 1;
                devices[1 - from] = stored;
                assert_eq!(devices[1 - from].reads(&message).as_ref(), Ok(&words));
            }
            assert_eq!(devices[1 - from].reads(&message), Err(Error::AlreadyRead));
        }
        assert!(crashes > 100);
    }
}

#[test]
fn a_turn_that_was_never_stored_is_made_again_with_another_ratchet_key() {
    for version in BOTH {
        let (juliet, _) = acquainted(version);
        assert!(juliet.current().turn_is_due());
        let keys = [1, 2].map(|seed| {
            let (message, _) = juliet.current().encrypt(b"words", &mut StdRng::seed_from_u64(seed)).unwrap();
            *Incoming::parse(version, false, &message.data).unwrap().ratchet_key()
        });
        assert_ne!(keys[0], keys[1]);
    }
}

#[test]
fn each_stored_state_moves_the_counter_on() {
    for version in BOTH {
        let (mut juliet, _) = acquainted(version);
        for n in 0..5 {
            assert_eq!(juliet.current().sending_counter(), n);
            let message = juliet.says("words");
            assert_eq!(Incoming::parse(version, false, &message.data).unwrap().n(), n);
        }
    }
}
