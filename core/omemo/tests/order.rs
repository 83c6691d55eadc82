//! Messages late, lost and repeated, over several ratchet turns, through stored state at every step.
#![allow(clippy::unwrap_used)]

mod device;

use device::{BOTH, Device, acquainted};
use dunnock_omemo::{Encrypted, Error, HEARTBEAT_COUNTER, Incoming};
use proptest::collection::vec;
use proptest::prelude::*;

/// One round: how many messages each side writes, and in which order the other side gets which of them.
#[derive(Debug, Clone)]
struct Round {
    sizes: [usize; 2],
    /// For each message of both sides: a place in the order of delivery, and after how many rounds; `None` is lost.
    fates: Vec<Option<(u32, usize)>>,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let round = (0..6usize, 0..6usize).prop_flat_map(|(a, b)| {
        let fate = prop_oneof![1 => Just(None), 4 => (any::<u32>(), 0..4usize).prop_map(Some)];
        vec(fate, a + b).prop_map(move |fates| Round { sizes: [a, b], fates })
    });
    vec(round, 6..10)
}

struct OnItsWay {
    due: usize,
    place: u32,
    to: usize,
    text: String,
    message: Encrypted,
}

/// Plays all rounds; each message that arrives must be read once, whenever it comes, and never twice.
fn play(version: dunnock_omemo::Version, rounds: &[Round]) -> u32 {
    let (juliet, romeo) = acquainted(version);
    let mut devices = [juliet, romeo];
    let mut on_their_way: Vec<OnItsWay> = Vec::new();
    let mut turns = 0;
    for (number, round) in rounds.iter().enumerate() {
        let mut fates = round.fates.iter();
        for (from, size) in round.sizes.into_iter().enumerate() {
            for index in 0..size {
                turns += u32::from(devices[from].current().turn_is_due());
                let text = format!("round {number}, device {from}, message {index}");
                let message = devices[from].says(&text);
                if let Some((place, wait)) = fates.next().unwrap() {
                    on_their_way.push(OnItsWay { due: number + wait, place: *place, to: 1 - from, text, message });
                }
            }
        }
        let (mut now, later) = on_their_way.into_iter().partition::<Vec<_>, _>(|one| one.due <= number);
        on_their_way = later;
        now.sort_by_key(|one| one.place);
        for one in now {
            assert_eq!(devices[one.to].reads(&one.message).as_deref(), Ok(one.text.as_str()), "{version:?}");
            let before = devices[one.to].stored();
            assert_eq!(devices[one.to].reads(&one.message), Err(Error::AlreadyRead));
            assert!(before == devices[one.to].stored(), "a repeated message changes nothing");
        }
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_is_read_once_in_any_order_and_with_any_loss(rounds in rounds()) {
        for version in BOTH {
            prop_assume!(play(version, &rounds) >= 3);
        }
    }
}

#[test]
fn messages_held_back_over_five_turns_are_still_read() {
    for version in BOTH {
        let held = Round { sizes: [3, 1], fates: vec![Some((0, 0)), Some((1, 5)), Some((2, 5)), Some((3, 0))] };
        let plain = Round { sizes: [1, 1], fates: vec![Some((0, 0)), Some((1, 0))] };
        let mut rounds = vec![held];
        rounds.extend(std::iter::repeat_n(plain, 8));
        assert!(play(version, &rounds) >= 6, "both sides turn in each round");
    }
}

#[test]
fn the_last_message_of_a_chain_is_read_though_pn_falls_one_short() {
    // Libraries descended from Signal's say in `pn` the last counter, not the count. A sender restored to the state
    // before its second message does the same: it announces a chain of one.
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let first = juliet.says("0");
        let mut short = juliet.clone();
        let second = juliet.says("1");
        romeo.reads(&first).unwrap();
        let answer = romeo.says("turn");
        short.reads(&answer).unwrap();
        let next_chain = short.says("next chain");
        assert_eq!(romeo.reads(&next_chain).unwrap(), "next chain");
        assert!(romeo.sessions[0].skipped.is_empty());
        assert_eq!(romeo.reads(&second).unwrap(), "1");
    }
}

#[test]
fn an_already_read_message_of_an_older_ratchet_key_is_a_repetition_and_not_a_forgery() {
    for version in BOTH {
        let (mut juliet, mut romeo) = acquainted(version);
        let mut old = Vec::new();
        for turn in 0..40 {
            let message = juliet.says(&format!("turn {turn}"));
            romeo.reads(&message).unwrap();
            old.push(message);
            let answer = romeo.says("yes");
            juliet.reads(&answer).unwrap();
        }
        for message in &old {
            let before = romeo.stored();
            assert_eq!(romeo.reads(message), Err(Error::AlreadyRead));
            assert!(before == romeo.stored());
        }
    }
}

#[test]
fn a_repeated_key_exchange_is_already_read_while_its_session_lives() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 3), Device::new(version, 4));
        juliet.begin(&romeo.bundle()).unwrap();
        let messages = [juliet.says("one"), juliet.says("two")];
        assert!(messages.iter().all(|message| message.key_exchange));
        assert_eq!(romeo.reads(&messages[1]).unwrap(), "two");
        assert_eq!(romeo.reads(&messages[0]).unwrap(), "one");
        assert_eq!(romeo.sessions.len(), 1, "both key exchanges are of one session");
        let before = romeo.stored();
        for message in &messages {
            assert_eq!(romeo.reads(message), Err(Error::AlreadyRead));
        }
        assert!(before == romeo.stored());
        // On another device the same bytes find other keys.
        let mut mercutio = Device::new(version, 5);
        let before = mercutio.stored();
        assert!(mercutio.reads(&messages[0]).is_err());
        assert!(before == mercutio.stored());
    }
}

#[test]
fn key_exchanges_are_sent_until_the_first_answer_is_read() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 6), Device::new(version, 7));
        juliet.begin(&romeo.bundle()).unwrap();
        let first = juliet.says("one");
        romeo.reads(&first).unwrap();
        let answer = romeo.says("answer");
        assert!(!answer.key_exchange && romeo.current().is_confirmed());
        assert!(juliet.says("two").key_exchange && !juliet.current().is_confirmed());
        juliet.reads(&answer).unwrap();
        assert!(!juliet.says("three").key_exchange && juliet.current().is_confirmed());
    }
}

#[test]
fn simultaneous_sessions_converge_and_late_messages_of_the_losing_one_are_read() {
    for version in BOTH {
        let (mut juliet, mut romeo) = (Device::new(version, 8), Device::new(version, 9));
        let bundles = [juliet.bundle(), romeo.bundle()];
        juliet.begin(&bundles[1]).unwrap();
        romeo.begin(&bundles[0]).unwrap();
        let from_juliet: Vec<_> = (0..4).map(|i| juliet.says(&format!("juliet {i}"))).collect();
        let from_romeo: Vec<_> = (0..4).map(|i| romeo.says(&format!("romeo {i}"))).collect();
        // Each gets one of the other's key exchanges; the rest is late.
        assert_eq!(juliet.reads(&from_romeo[1]).unwrap(), "romeo 1");
        assert_eq!(romeo.reads(&from_juliet[2]).unwrap(), "juliet 2");
        assert_eq!((juliet.sessions.len(), romeo.sessions.len()), (2, 2));
        for round in 0..3 {
            let message = juliet.says(&format!("round {round}"));
            assert_eq!(romeo.reads(&message).unwrap(), format!("round {round}"));
            let message = romeo.says(&format!("answer {round}"));
            assert_eq!(juliet.reads(&message).unwrap(), format!("answer {round}"));
        }
        assert_eq!(juliet.current().base_key(), romeo.current().base_key(), "both now use the same session");
        for (i, message) in from_juliet.iter().enumerate().filter(|(i, _)| *i != 2) {
            assert_eq!(romeo.reads(message).unwrap(), format!("juliet {i}"));
        }
        for (i, message) in from_romeo.iter().enumerate().filter(|(i, _)| *i != 1) {
            assert_eq!(juliet.reads(message).unwrap(), format!("romeo {i}"));
        }
        assert_eq!(juliet.sessions.len(), 2);
    }
}

#[test]
fn a_heartbeat_is_due_once_a_chain_and_at_its_first_message_from_counter_53_on() {
    for version in BOTH {
        let (mut juliet, romeo) = acquainted(version);
        let messages: Vec<_> = (0..60).map(|i| juliet.says(&i.to_string())).collect();
        let due = |order: &[u32]| {
            let mut session = romeo.current();
            let mut due = Vec::new();
            for n in order {
                let message = Incoming::parse(version, false, &messages[*n as usize].data).unwrap();
                assert_eq!(message.n(), *n);
                let (decrypted, change) = session.decrypt(&message, None).unwrap();
                session = change.session;
                due.push(decrypted.heartbeat_due);
            }
            due
        };
        assert_eq!(HEARTBEAT_COUNTER, 53);
        assert_eq!(due(&[0, 52, 53, 54]), [false, false, true, false]);
        assert_eq!(due(&[57, 58]), [true, false]);
        assert_eq!(due(&[0, 55, 59]), [false, true, false]);
    }
}
