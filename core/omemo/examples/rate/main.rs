//! How many operations a second of CPU time does, as JSON: beside it runs `tests/peers/libomemo_rate.c`.
//!
//! Both keep their state as an engine does: loaded from bytes before every operation and written to bytes after
//! it. Key material has the size that the version gives it: 32 bytes in 0.3, 48 bytes in 2.
//!
//!     cargo run --release -p dunnock-omemo --example rate [SECONDS OF EACH MEASUREMENT]
#![allow(clippy::unwrap_used)]

mod floor;

use std::hint::black_box;
use std::time::Duration;

use curve25519_dalek::montgomery::MontgomeryPoint;
use dunnock_omemo::{
    Bundle, Identity, Incoming, PreKeyPair, Session, SignedPreKeyPair, Version, generate_pre_keys, sign_pre_key,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.try_into().unwrap())
}

/// Runs batches until `wanted` CPU time went by; a batch first prepares, unmeasured, and then does `count` operations.
fn rate<T>(wanted: Duration, count: u32, mut prepare: impl FnMut() -> T, mut run: impl FnMut(T)) -> f64 {
    let (mut spent, mut done) = (Duration::ZERO, 0);
    while spent < wanted {
        let input = prepare();
        let before = cpu_time();
        run(input);
        spent += cpu_time() - before;
        done += count;
    }
    (f64::from(done) / spent.as_secs_f64()).round()
}

struct Bench {
    version: Version,
    wanted: Duration,
    random: StdRng,
    juliet: Identity,
    romeo: Identity,
    signed: SignedPreKeyPair,
    pre_keys: Vec<PreKeyPair>,
    material: Vec<u8>,
}

impl Bench {
    fn new(version: Version, wanted: Duration) -> Self {
        let mut random = StdRng::seed_from_u64(1);
        let (juliet, romeo) = (Identity::generate(&mut random), Identity::generate(&mut random));
        let signed = sign_pre_key(version, &romeo, 1, &mut random);
        let pre_keys = generate_pre_keys(&mut random, 1, 100);
        let material = vec![7; if version == Version::V03 { 32 } else { 48 }];
        Self { version, wanted, random, juliet, romeo, signed, pre_keys, material }
    }

    fn bundle(&self) -> Bundle {
        Bundle::new(&self.romeo, &self.signed, &self.pre_keys)
    }

    /// One encryption from stored state to stored state.
    fn encrypt(&mut self, session: &mut Vec<u8>) -> (bool, Vec<u8>) {
        let loaded = Session::from_bytes(session).unwrap();
        let (sent, change) = loaded.encrypt(&self.material, &mut self.random).unwrap();
        session.clear();
        session.extend_from_slice(&change.session.to_bytes());
        (sent.key_exchange, sent.data)
    }

    fn decrypt(&self, session: &mut Vec<u8>, data: &[u8]) {
        let message = Incoming::parse(self.version, false, data).unwrap();
        let (read, change) = Session::from_bytes(session).unwrap().decrypt(&message, None).unwrap();
        assert_eq!(read.key_material.len(), self.material.len());
        session.clear();
        session.extend_from_slice(&change.session.to_bytes());
    }

    /// The active side: verifies the bundle, agrees, and encrypts the first message.
    fn active(&mut self, bundle: &Bundle) -> (Vec<u8>, Vec<u8>) {
        let session = Session::initiate(self.version, &self.juliet, bundle, &mut self.random).unwrap();
        let (sent, change) = session.encrypt(&self.material, &mut self.random).unwrap();
        (change.session.to_bytes().to_vec(), sent.data)
    }

    /// The passive side: agrees and reads the first message.
    fn passive(&self, data: &[u8]) -> Vec<u8> {
        let message = Incoming::parse(self.version, true, data).unwrap();
        let id = message.key_exchange().unwrap().pre_key_id;
        let pre_key = self.pre_keys.iter().find(|pair| pair.id() == id);
        let (_, change) = Session::accept(&self.romeo, Some(&self.signed), pre_key, &message).unwrap();
        change.session.to_bytes().to_vec()
    }

    /// Two sessions that have heard from each other.
    fn acquainted(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut juliet, hello) = self.active(&self.bundle());
        let mut romeo = self.passive(&hello);
        let (_, answer) = self.encrypt(&mut romeo);
        self.decrypt(&mut juliet, &answer);
        (juliet, romeo)
    }

    /// Some public key.
    fn point(&self) -> MontgomeryPoint {
        MontgomeryPoint(self.romeo.public().montgomery())
    }

    /// What a turn asks of the curve: the writer makes a key and agrees with it, the reader agrees.
    fn turn_of_curve(theirs: MontgomeryPoint) -> [MontgomeryPoint; 3] {
        let secret = black_box([9; 32]);
        [MontgomeryPoint::mul_base_clamped(secret), theirs.mul_clamped(secret), theirs.mul_clamped(secret)]
    }

    fn measure(mut self) -> serde_json::Value {
        const BATCH: u32 = 20_000;
        let wanted = self.wanted;
        let (juliet, romeo) = self.acquainted();
        let encrypt = rate(
            wanted,
            BATCH,
            || juliet.clone(),
            |mut session| {
                for _ in 0..BATCH {
                    self.encrypt(&mut session);
                }
            },
        );
        let mut sender = juliet.clone();
        let sent: Vec<_> = (0..BATCH).map(|_| self.encrypt(&mut sender).1).collect();
        let decrypt = rate(
            wanted,
            BATCH,
            || romeo.clone(),
            |mut session| {
                sent.iter().for_each(|data| self.decrypt(&mut session, data));
            },
        );
        let turns = rate(
            wanted,
            500,
            || (juliet.clone(), romeo.clone()),
            |(mut juliet, mut romeo)| {
                for _ in 0..250 {
                    let (_, data) = self.encrypt(&mut juliet);
                    self.decrypt(&mut romeo, &data);
                    let (_, data) = self.encrypt(&mut romeo);
                    self.decrypt(&mut juliet, &data);
                }
            },
        );
        let curve = rate(
            wanted,
            500,
            || self.point(),
            |point| {
                for _ in 0..500 {
                    black_box(Self::turn_of_curve(point));
                }
            },
        );
        // The floors: the ratchet message without key exchange and tag is what the tag covers.
        let message = Incoming::parse(self.version, false, &sent[0]).map(|_| sent[0].len() - 8).unwrap();
        let mut line = floor::Line::new(self.version, message, &self.material);
        let encrypt_floor = rate(wanted, BATCH, || (), |()| (0..BATCH).for_each(|_| line.encrypt()));
        let decrypt_floor = rate(wanted, BATCH, || (), |()| (0..BATCH).for_each(|_| line.decrypt()));
        let stored = rate(
            wanted,
            BATCH,
            || juliet.clone(),
            |session| {
                for _ in 0..BATCH {
                    black_box(Session::from_bytes(black_box(&session)).unwrap().to_bytes());
                }
            },
        );
        let bundle = self.bundle();
        let agreement = floor::Agreement::new(self.version, &bundle, self.romeo.public().montgomery());
        let active_floor = rate(wanted, 200, || (), |()| (0..200).for_each(|_| agreement.active()));
        let passive_floor = rate(wanted, 200, || (), |()| (0..200).for_each(|_| agreement.passive()));
        let active = rate(wanted, 200, || (), |()| (0..200).for_each(|_| drop(self.active(&bundle))));
        let hellos: Vec<_> = (0..200).map(|_| self.active(&bundle).1).collect();
        let passive = rate(wanted, 200, || (), |()| hellos.iter().for_each(|data| drop(self.passive(data))));
        json!({
            "encrypt": encrypt, "decrypt": decrypt, "turn": turns, "turn_of_curve": curve,
            "x3dh_active": active, "x3dh_passive": passive,
            "stored": stored, "encrypt_floor": encrypt_floor, "decrypt_floor": decrypt_floor,
            "x3dh_active_floor": active_floor, "x3dh_passive_floor": passive_floor,
        })
    }
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(1.0, |seconds| seconds.parse().unwrap());
    let wanted = Duration::from_secs_f64(seconds);
    let measure = |version| Bench::new(version, wanted).measure();
    println!("{}", json!({ "0.3": measure(Version::V03), "2": measure(Version::V2) }));
}
