//! Several writers to one device: each starts from the state that the one before left, or a key would seal two texts.
#![allow(clippy::unwrap_used)]

mod device;

use std::collections::HashSet;
use std::sync::Mutex;

use device::{BOTH, acquainted};
use dunnock_omemo::{Incoming, Session};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[test]
fn concurrent_writers_that_take_the_stored_session_in_turn_use_each_key_once() {
    const WRITERS: usize = 8;
    const LINES: usize = 25;
    for version in BOTH {
        let (juliet, mut romeo) = acquainted(version);
        // The lock stands for the store's write transaction: it spans loading, encrypting and storing.
        let row = Mutex::new((juliet, Vec::new()));
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let row = &row;
                scope.spawn(move || {
                    for line in 0..LINES {
                        let mut row = row.lock().unwrap();
                        let words = format!("line {line} of writer {writer}");
                        let message = row.0.says(&words);
                        row.1.push((words, message));
                    }
                });
            }
        });
        let (_, sent) = row.into_inner().unwrap();
        let keys: HashSet<_> = sent
            .iter()
            .map(|(_, message)| Incoming::parse(version, message.key_exchange, &message.data).unwrap())
            .map(|message| (*message.ratchet_key(), message.n()))
            .collect();
        assert_eq!(keys.len(), WRITERS * LINES, "no key twice");
        for (words, message) in sent.iter().rev() {
            assert_eq!(romeo.reads(message).as_ref(), Ok(words));
        }
    }
}

#[test]
fn two_messages_from_one_stored_state_are_seen_to_share_their_key() {
    // Why the row has to be taken in turn; and the test above would notice if it were not.
    for version in BOTH {
        let (mut juliet, _) = acquainted(version);
        let _ = juliet.says("the turn is made");
        let name = |words: &[u8]| {
            let (message, _) = juliet.current().encrypt(words, &mut StdRng::seed_from_u64(1)).unwrap();
            let message = Incoming::parse(version, message.key_exchange, &message.data).unwrap();
            (*message.ratchet_key(), message.n())
        };
        assert_eq!(name(b"one"), name(b"other"));
    }
}

#[test]
fn sessions_and_messages_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Session>();
    crosses::<Incoming>();
}
