//! Skipped keys as rows: what is kept, what goes first, and what becomes of a message whose key went.
#![allow(clippy::unwrap_used)]

mod device;

use device::{BOTH, Device, acquainted};
use dunnock_omemo::{Encrypted, Error, MAX_SKIPPED_STORED};

/// Juliet writes `count` lines of which only the last arrives; then Romeo answers, so that her next chain is a new one.
fn chain(juliet: &mut Device, romeo: &mut Device, name: &str, count: usize) -> Vec<Encrypted> {
    let mut lines: Vec<_> = (0..count).map(|line| juliet.says(&format!("{name} {line}"))).collect();
    romeo.reads(&lines.pop().unwrap()).unwrap();
    let answer = romeo.says("yes");
    juliet.reads(&answer).unwrap();
    lines
}

#[test]
fn beyond_a_thousand_kept_keys_the_oldest_go_first_over_chains_and_their_messages_change_nothing() {
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let first = chain(&mut juliet, &mut romeo, "first", 601);
        let second = chain(&mut juliet, &mut romeo, "second", 601);
        assert_eq!(romeo.sessions[0].skipped.len(), MAX_SKIPPED_STORED);
        for (line, message) in first.iter().enumerate() {
            let before = romeo.stored();
            match romeo.reads(message) {
                Ok(words) => assert_eq!((line >= 200, words), (true, format!("first {line}"))),
                Err(error) => {
                    assert_eq!((line < 200, error), (true, Error::AlreadyRead));
                    assert!(before == romeo.stored());
                }
            }
        }
        for (line, message) in second.iter().enumerate() {
            assert_eq!(romeo.reads(message).unwrap(), format!("second {line}"));
        }
        assert!(romeo.sessions[0].skipped.is_empty(), "each key went with its message");
    }
}

#[test]
fn a_kept_key_opens_its_message_once() {
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let late = chain(&mut juliet, &mut romeo, "line", 4);
        for message in &late {
            romeo.reads(message).unwrap();
            let before = romeo.stored();
            assert_eq!(romeo.reads(message), Err(Error::AlreadyRead));
            assert!(before == romeo.stored());
        }
    }
}
