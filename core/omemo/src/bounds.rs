//! The bounds on skipped keys, with senders that only tests can build.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{
    Bundle, Change, Error, Identity, Incoming, KeyExchange, MAX_SKIP, Session, SkippedKey, Version, generate_pre_keys,
    ratchet, sign_pre_key,
};

const BOTH: [Version; 2] = [Version::V03, Version::V2];

/// An initiator and a responder who have heard from each other.
fn acquainted(version: Version) -> (Session, Session, StdRng) {
    let mut random = StdRng::seed_from_u64(5);
    let (juliet, romeo) = (Identity::generate(&mut random), Identity::generate(&mut random));
    let signed = sign_pre_key(version, &romeo, 1, &mut random);
    let pre_keys = generate_pre_keys(&mut random, 1, 1);
    let bundle = Bundle::new(&romeo, &signed, &pre_keys);
    let juliet = Session::initiate(version, &juliet, &bundle, &mut random).unwrap();
    let (sent, juliet) = juliet.encrypt(b"hello", &mut random).unwrap();
    let message = Incoming::parse(version, true, &sent.data).unwrap();
    let (_, romeo) = Session::accept(&romeo, Some(&signed), pre_keys.first(), &message).unwrap();
    let (message, romeo) = send(&romeo.session, &mut random);
    let juliet = juliet.session.decrypt(&message, None).unwrap().1;
    (juliet.session, romeo, random)
}

fn send(session: &Session, random: &mut StdRng) -> (Incoming, Session) {
    let (sent, change) = session.encrypt(b"words", random).unwrap();
    (Incoming::parse(session.version(), sent.key_exchange, &sent.data).unwrap(), change.session)
}

/// The message `skip` counters further on, and the sender after it.
fn send_after(session: &Session, skip: u32, random: &mut StdRng) -> (Incoming, Session) {
    let mut session = session.copy();
    for _ in 0..skip {
        session = send(&session, random).1;
    }
    send(&session, random)
}

fn read(session: &Session, message: &Incoming) -> Result<Change, Error> {
    session.decrypt(message, None).map(|read| read.1)
}

#[test]
fn the_skip_bound_holds_to_the_message_in_a_known_and_in_a_new_chain() {
    for version in BOTH {
        let (juliet, romeo, mut random) = acquainted(version);
        let (opening, in_chain) = send(&juliet, &mut random);
        let known = read(&romeo, &opening).unwrap().session;
        for (session, sender) in [(&romeo, &juliet), (&known, &in_chain)] {
            for skip in [MAX_SKIP - 1, MAX_SKIP] {
                let (message, _) = send_after(sender, skip, &mut StdRng::seed_from_u64(1));
                // The chain is the same only if its ratchet key was drawn already.
                let change = read(session, &message).unwrap();
                assert_eq!(change.new_skipped.len(), skip as usize);
                assert!(
                    change
                        .new_skipped
                        .iter()
                        .zip(0..)
                        .all(|(key, n)| key.n() == n + u32::from(sender.sending_counter() > 0))
                );
            }
            let (message, _) = send_after(sender, MAX_SKIP + 1, &mut StdRng::seed_from_u64(1));
            let before = session.to_bytes();
            assert_eq!(read(session, &message).err(), Some(Error::TooManySkipped));
            assert_eq!(before, session.to_bytes());
        }
    }
}

#[test]
fn the_largest_counter_is_refused_without_stepping_the_chain() {
    for version in BOTH {
        let (juliet, romeo, mut random) = acquainted(version);
        let (opening, juliet) = send(&juliet, &mut random);
        let known = read(&romeo, &opening).unwrap().session;
        for session in [&romeo, &known] {
            let (mut message, _) = send(&juliet, &mut random);
            message.n = u32::MAX;
            assert_eq!(read(session, &message).err(), Some(Error::TooManySkipped));
        }
    }
}

#[test]
fn a_chain_at_its_last_counter_is_worn_out_and_not_wrapped() {
    for version in BOTH {
        let (juliet, romeo, mut random) = acquainted(version);
        let (opening, mut juliet) = send(&juliet, &mut random);
        let mut known = read(&romeo, &opening).unwrap().session;
        juliet.ratchet.sending.as_mut().unwrap().chain.n = u32::MAX;
        assert_eq!(juliet.encrypt(b"words", &mut random).err(), Some(Error::WornOut));
        known.ratchet.receiving.as_mut().unwrap().n = u32::MAX;
        let (mut message, _) = send(&read(&romeo, &opening).unwrap().session, &mut random);
        message.ratchet_key = opening.ratchet_key;
        message.n = u32::MAX;
        assert_eq!(read(&known, &message).err(), Some(Error::WornOut));
    }
}

#[test]
fn an_exaggerated_previous_length_neither_blocks_the_session_nor_skips_without_bound() {
    for version in BOTH {
        for (pn, skipped) in
            [(0, 0), (1, 0), (MAX_SKIP, 999), (MAX_SKIP + 1, 1000), (MAX_SKIP + 2, 1000), (u32::MAX, 1000)]
        {
            let (juliet, romeo, mut random) = acquainted(version);
            let (first, juliet) = send(&juliet, &mut random);
            let (second, juliet) = send(&juliet, &mut random);
            let romeo = read(&romeo, &first).unwrap().session;
            let (answer, romeo) = send(&romeo, &mut random);
            let mut juliet = read(&juliet, &answer).unwrap().session;
            juliet.ratchet.pn = pn;
            let (message, _) = send(&juliet, &mut random);
            let change = read(&romeo, &message).unwrap();
            assert_eq!(change.new_skipped.len(), skipped, "pn {pn}");
            let ratchet_key = *second.ratchet_key();
            assert!(
                change.new_skipped.iter().zip(1..).all(|(key, n)| key.n() == n && *key.ratchet_key() == ratchet_key)
            );
            let row = change.new_skipped.iter().find(|key| key.n() == second.n());
            change.session.decrypt(&second, row).map(|_| ()).unwrap();
        }
    }
}

#[test]
fn keys_left_in_an_old_chain_come_before_those_of_the_new_one() {
    for version in BOTH {
        let (juliet, romeo, mut random) = acquainted(version);
        let (first, juliet) = send(&juliet, &mut random);
        let (_, juliet) = send_after(&juliet, 2, &mut random);
        let romeo = read(&romeo, &first).unwrap().session;
        let (answer, romeo) = send(&romeo, &mut random);
        let juliet = read(&juliet, &answer).unwrap().session;
        let (message, _) = send_after(&juliet, 2, &mut random);
        let change = read(&romeo, &message).unwrap();
        let rows: Vec<_> =
            change.new_skipped.iter().map(|key| (*key.ratchet_key() == first.ratchet_key, key.n())).collect();
        assert_eq!(rows, [(true, 1), (true, 2), (true, 3), (false, 0), (false, 1)]);
    }
}

#[test]
fn kept_chains_and_remembered_keys_do_not_grow_without_bound() {
    for version in BOTH {
        let (mut juliet, mut romeo, mut random) = acquainted(version);
        let mut first = None;
        for turn in 0..ratchet::PAST_CHAINS + ratchet::PAST_KEYS + 10 {
            let (message, after) = send(&juliet, &mut random);
            romeo = read(&romeo, &message).unwrap().session;
            let (answer, sender) = send(&romeo, &mut random);
            romeo = sender;
            juliet = read(&after, &answer).unwrap().session;
            first.get_or_insert(message);
            if turn == ratchet::PAST_CHAINS + ratchet::PAST_KEYS - 1 {
                assert_eq!(read(&romeo, first.as_ref().unwrap()).err(), Some(Error::AlreadyRead));
            }
        }
        assert_eq!(romeo.ratchet.kept().1.len(), ratchet::PAST_KEYS);
        assert!(romeo.to_bytes().len() < 2048);
        let again = Session::from_bytes(&romeo.to_bytes()).unwrap();
        assert_eq!(again.to_bytes(), romeo.to_bytes());
        // Beyond memory a repetition looks like any unknown ratchet key.
        assert_eq!(read(&romeo, first.as_ref().unwrap()).err(), Some(Error::Forged));
    }
}

#[test]
fn an_answer_dressed_up_as_our_own_key_exchange_is_refused() {
    for version in BOTH {
        let (juliet, romeo, mut random) = acquainted(version);
        let (mut answer, _) = send(&romeo, &mut random);
        answer.key_exchange = Some(KeyExchange {
            pre_key_id: juliet.pre_key_id,
            signed_pre_key_id: juliet.signed_pre_key_id,
            identity: juliet.peer,
            base_key: juliet.base_key,
        });
        assert_eq!(read(&juliet, &answer).err(), Some(Error::Forged));
        answer.key_exchange = None;
        assert!(read(&juliet, &answer).is_ok());
    }
}

#[test]
fn a_session_refuses_messages_of_the_other_version_and_rows_of_other_messages() {
    for version in BOTH {
        let (juliet, romeo, mut random) = acquainted(version);
        let (mut message, juliet) = send(&juliet, &mut random);
        message.version = if version == Version::V03 { Version::V2 } else { Version::V03 };
        assert_eq!(read(&romeo, &message).err(), Some(Error::Forged));
        assert!(romeo.ratchet.read(&message, &[]).is_err() && !romeo.recognises(&message));

        let (late, juliet) = send(&juliet, &mut random);
        let (next, _) = send(&juliet, &mut random);
        let change = read(&romeo, &next).unwrap();
        let row = change.new_skipped.iter().find(|key| key.n() == late.n()).unwrap();
        let elsewhere = SkippedKey::new(*row.ratchet_key(), row.n() + 7, row.message_key());
        assert_eq!(change.session.decrypt(&late, Some(&elsewhere)).err(), Some(Error::Forged));
        assert!(change.session.decrypt(&late, Some(row)).is_ok());
    }
}
