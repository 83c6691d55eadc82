//! No freed block of the heap still holds a secret, on good paths and on failing ones. Copies on the stack are not claimed.
#![allow(unsafe_code, reason = "an allocator that looks into what is freed cannot be written without")]
#![allow(clippy::unwrap_used)]

mod hook;

use dunnock_omemo::{
    Bundle, Change, Decrypted, Encrypted, Identity, Incoming, PreKeyPair, Session, SignedPreKeyPair, SkippedKey,
    Version, generate_pre_keys, payload, sign_pre_key,
};
use hook::{leaks, remember, remembered};

const BOTH: [Version; 2] = [Version::V03, Version::V2];

/// All secrets of a session: root key, ratchet secret, and the chain keys of both directions and of earlier turns.
fn remember_session(session: &Session) {
    let bytes = session.to_bytes();
    let identities = if session.version() == Version::V2 { 128 } else { 64 };
    let flags = bytes[2];
    let mut place = 3 + identities + 8 + 32;
    let mut secret = |after: usize| {
        remember(&bytes[place..place + 32]);
        place += 32 + after;
    };
    secret(32 + 4);
    if flags & 4 != 0 {
        secret(32);
        secret(4);
    }
    if flags & 8 != 0 {
        secret(4);
    }
    let chains = bytes[place];
    for chain in 0..usize::from(chains) {
        remember(&bytes[place + 1 + chain * 68 + 32..][..32]);
    }
}

fn remember_change(change: &Change) {
    remember_session(&change.session);
    change.new_skipped.iter().for_each(|key| remember(key.message_key()));
}

/// A value on the heap for once, so that what it held itself is freed as well.
fn free<T>(value: T) {
    drop(Box::new(value));
}

/// Two sides that take turns; each step goes through stored bytes.
struct Talk {
    version: Version,
    juliet: Identity,
    romeo: Identity,
    signed: SignedPreKeyPair,
    pre_keys: Vec<PreKeyPair>,
}

impl Talk {
    fn new(version: Version) -> Self {
        let mut random = rand::rng();
        let (juliet, romeo) = (Identity::generate(&mut random), Identity::generate(&mut random));
        let signed = sign_pre_key(version, &romeo, 1, &mut random);
        let pre_keys = generate_pre_keys(&mut random, 1, 2);
        for identity in [&juliet, &romeo] {
            remember(identity.seed());
            // The scalar that serves the key agreements is one half of the seed's hash (RFC 8032).
            use sha2::Digest;
            let hash = sha2::Sha512::digest(identity.seed());
            // Its first and last bytes are clamped.
            remember(&hash[1..31]);
        }
        remember(&signed.to_bytes()[5..37]);
        pre_keys.iter().for_each(|pair| remember(&pair.to_bytes()[5..37]));
        Self { version, juliet, romeo, signed, pre_keys }
    }

    fn bundle(&self) -> Bundle {
        Bundle::new(&self.romeo, &self.signed, &self.pre_keys)
    }

    fn begin(&self) -> Session {
        let session = Session::initiate(self.version, &self.juliet, &self.bundle(), &mut rand::rng()).unwrap();
        remember_session(&session);
        session
    }

    fn accept(&self, message: &Incoming) -> (Decrypted, Change) {
        let id = message.key_exchange().unwrap().pre_key_id;
        let pre_key = self.pre_keys.iter().find(|pair| pair.id() == id);
        Session::accept(&self.romeo, Some(&self.signed), pre_key, message).unwrap()
    }
}

fn write(session: &mut Session, material: &[u8]) -> Encrypted {
    let (sent, change) = session.encrypt(material, &mut rand::rng()).unwrap();
    remember_change(&change);
    let next = Session::from_bytes(&change.session.to_bytes()).unwrap();
    free(change);
    free(std::mem::replace(session, next));
    sent
}

fn parse(version: Version, sent: &Encrypted) -> Incoming {
    Incoming::parse(version, sent.key_exchange, &sent.data).unwrap()
}

/// Reads, and keeps the change's session.
fn read(session: &mut Session, message: &Incoming) -> Vec<SkippedKey> {
    let (decrypted, change) = session.decrypt(message, None).unwrap();
    remember(&decrypted.key_material);
    remember_change(&change);
    let next = Session::from_bytes(&change.session.to_bytes()).unwrap();
    let kept = change.new_skipped.iter().map(|key| SkippedKey::new(*key.ratchet_key(), key.n(), key.message_key()));
    let kept = kept.collect();
    free((decrypted, change));
    free(std::mem::replace(session, next));
    kept
}

#[test]
fn freed_blocks_hold_no_secret() {
    hook::works();
    for version in BOTH {
        let talk = Talk::new(version);
        let mut random = rand::rng();
        let (sealed, material) = payload::encrypt(version, b"a canary inside a payload that is longer", &mut random);
        remember(&material);
        remember(b"a canary inside a payload that i");
        let mut juliet = talk.begin();
        let hello = write(&mut juliet, &material);
        let (decrypted, change) = talk.accept(&parse(version, &hello));
        remember_change(&change);
        let iv = sealed.iv.map(Vec::from).unwrap_or_default();
        free(payload::decrypt(version, &decrypted.key_material, &iv, sealed.data.as_ref().unwrap()).unwrap());
        let mut romeo = Session::from_bytes(&change.session.to_bytes()).unwrap();
        free((decrypted, change));

        // More turns than chains are kept, with lines that come late.
        for _ in 0..9 {
            let lines = [0; 4].map(|_| parse(version, &write(&mut juliet, &material)));
            let kept = read(&mut romeo, &lines[3]);
            let (decrypted, change) = romeo.decrypt(&lines[0], kept.first()).unwrap();
            remember_change(&change);
            free((decrypted, change, kept));
            let (_, empty) = payload::empty(version, &mut random);
            let answer = parse(version, &write(&mut romeo, &empty));
            free(read(&mut juliet, &answer));
        }
        // What lasts as long as the device does goes, too.
        free((talk, juliet, romeo, material));
    }
    assert!(remembered() > 200, "{} secrets", remembered());
    assert_eq!(leaks(), hook::CONTROL, "only the control");
}

#[test]
fn what_fails_leaves_no_secret_behind() {
    hook::works();
    for version in BOTH {
        let talk = Talk::new(version);
        let (mut juliet, material) = (talk.begin(), [0xa7; 48]);
        let hello = write(&mut juliet, &material);
        let forged = |sent: &Encrypted| {
            let mut data = sent.data.clone();
            let last = data.len() - 1;
            // The tag of 0.3 stands last, in version 2 the ciphertext or the tag: no key opens it.
            data[last] ^= 1;
            parse(version, &Encrypted { key_exchange: sent.key_exchange, data })
        };

        // A key exchange that is forged, and one of whose keys one is not there.
        let id = parse(version, &hello).key_exchange().unwrap().pre_key_id;
        let pre_key = talk.pre_keys.iter().find(|pair| pair.id() == id);
        assert!(Session::accept(&talk.romeo, Some(&talk.signed), pre_key, &forged(&hello)).is_err());
        assert!(Session::accept(&talk.romeo, Some(&talk.signed), None, &parse(version, &hello)).is_err());
        let (_, change) = talk.accept(&parse(version, &hello));
        remember_change(&change);
        let romeo = Session::from_bytes(&change.session.to_bytes()).unwrap();
        free(change);

        // A line far ahead: its many keys are derived, and it is forged; the true one tells which keys those were.
        let mut far = write(&mut juliet, &material);
        for _ in 0..300 {
            far = write(&mut juliet, &material);
        }
        let (decrypted, change) = romeo.decrypt(&parse(version, &far), None).unwrap();
        remember_change(&change);
        assert_eq!(change.new_skipped.len(), 300);
        assert!(romeo.decrypt(&forged(&far), None).is_err());
        free((decrypted, change));
        // Too far ahead.
        for _ in 0..1000 {
            far = write(&mut juliet, &material);
        }
        assert!(romeo.decrypt(&parse(version, &far), None).is_err());

        // A payload that is forged: its keys are derived, and the clear text may stand there for a moment.
        let (sealed, key) = payload::encrypt(version, b"a canary of a forged payload", &mut rand::rng());
        remember(&key);
        remember(b"a canary of a forged payload");
        let iv = sealed.iv.map(Vec::from).unwrap_or_default();
        let mut data = sealed.data.unwrap();
        data[0] ^= 1;
        assert!(payload::decrypt(version, &key, &iv, &data).is_err());

        // Rows that are cut off in the middle of their secrets.
        let rows = [romeo.to_bytes(), talk.signed.to_bytes(), talk.pre_keys[0].to_bytes()];
        for size in 0..rows[0].len() {
            assert!(Session::from_bytes(&rows[0][..size]).is_err());
            assert!(SignedPreKeyPair::from_bytes(&rows[1][..size.min(132)]).is_err());
            assert!(PreKeyPair::from_bytes(&rows[2][..size.min(68)]).is_err());
        }
        let bundle = Bundle { signature: [7; 64], ..talk.bundle() };
        assert!(Session::initiate(version, &talk.juliet, &bundle, &mut rand::rng()).is_err());
        free((talk, juliet, romeo, rows, key));
    }
    assert!(remembered() > 2000, "{} secrets", remembered());
    assert_eq!(leaks(), hook::CONTROL, "only the control");
}
