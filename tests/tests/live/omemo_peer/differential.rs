//! Random schedules between our OMEMO and python-omemo's: both sides agree on what becomes of each message, late, lost,
//! repeated or altered. Both load their state before each operation and store it after.

use dunnock_omemo::{Bundle, Encrypted, IdentityKey, Version};
use dunnock_tests::environment;
use dunnock_tests::json_process::JsonProcess;
use dunnock_tests::report;
use dunnock_tests::seed::Seed;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[path = "../../../../core/omemo/tests/device/mod.rs"]
mod device;

use device::Device;

const OPERATIONS: usize = 2_000;
/// More messages than this are not on their way at once.
const ON_THEIR_WAY: usize = 200;

/// How long the other side may take for one operation.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn two_thousand_random_operations_with_python_omemo_agree_in_version_0_3() {
    agree(Version::V03, "0.3");
}

#[test]
fn two_thousand_random_operations_with_python_omemo_agree_in_version_2() {
    agree(Version::V2, "2");
}

fn agree(version: Version, name: &str) {
    let mut seed = Seed::for_test(&format!("differential {name}"));
    for we_begin in [true, false] {
        let mut schedule = Schedule::begin(version, we_begin, seed.split());
        for _ in 0..OPERATIONS {
            schedule.step();
        }
        schedule.settle();
        let Counts { read, late, repeated, altered, lost, turns } = schedule.counts;
        let who = if we_begin { "we begin" } else { "they begin" };
        report::note(&format!(
            "{name}, {who}: {read} read, {late} of them late, {repeated} repeated, {altered} altered, {lost} lost, {turns} turns"
        ));
        assert!([read, late, repeated, altered, lost, turns].iter().all(|count| *count >= 10), "the schedule is dull");
    }
}

/// The other side: `peers/memo_device.py`.
struct Python {
    process: JsonProcess,
    bundle: Value,
}

impl Python {
    fn start(version: Version, ours: &Device) -> Python {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/memo_device.py");
        let mut process = JsonProcess::start("python-omemo", Command::new(environment::python()).arg(script));
        let sign = ours.identity().public().ed25519().unwrap()[31] >> 7;
        let version = if version == Version::V2 { "2" } else { "0.3" };
        let bundle = ask(&mut process, json!({ "op": "start", "version": version, "sign": sign }));
        Python { process, bundle }
    }

    fn says(&mut self, text: &str, begin_with: Option<Value>) -> Encrypted {
        let mut request = json!({ "op": "encrypt", "material": hex(text.as_bytes()) });
        if let Some(bundle) = begin_with {
            request["bundle"] = bundle;
        }
        let answer = ask(&mut self.process, request);
        let key_exchange = answer["kex"].as_bool().unwrap_or_else(|| panic!("{answer}"));
        Encrypted { key_exchange, data: bytes(&answer["data"]) }
    }

    fn reads(&mut self, message: &Encrypted) -> Result<String, String> {
        let request = json!({ "op": "decrypt", "kex": message.key_exchange, "data": hex(&message.data) });
        let answer = ask(&mut self.process, request);
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(String::from_utf8(bytes(&answer["material"])).unwrap()),
        }
    }
}

fn ask(process: &mut JsonProcess, request: Value) -> Value {
    process.send(&request);
    process.take(PATIENCE, "answer", |_| true)
}

struct Message {
    to_us: bool,
    text: String,
    encrypted: Encrypted,
    number: usize,
}

#[derive(Default)]
struct Counts {
    read: usize,
    late: usize,
    repeated: usize,
    altered: usize,
    lost: usize,
    turns: usize,
}

struct Schedule {
    version: Version,
    seed: Seed,
    ours: Device,
    theirs: Python,
    we_begin: bool,
    /// Whether who did not begin has a session.
    answered: bool,
    written: usize,
    /// The last message written to them and to us, and of those read the newest.
    newest_read: [usize; 2],
    on_their_way: Vec<Message>,
    read: Vec<Message>,
    last_writer: Option<bool>,
    counts: Counts,
}

impl Schedule {
    fn begin(version: Version, we_begin: bool, mut seed: Seed) -> Schedule {
        let mut ours = Device::new(version, seed.number());
        let theirs = Python::start(version, &ours);
        if we_begin {
            ours.begin(&bundle(version, &theirs.bundle)).unwrap();
        }
        Schedule {
            version,
            seed,
            ours,
            theirs,
            we_begin,
            answered: false,
            written: 0,
            newest_read: [0; 2],
            on_their_way: Vec::new(),
            read: Vec::new(),
            last_writer: None,
            counts: Counts::default(),
        }
    }

    fn step(&mut self) {
        match self.seed.below(100) {
            0..25 => self.write(true),
            25..50 => self.write(false),
            50..84 => self.deliver(),
            84..88 => self.lose(),
            88..94 => self.alter(),
            _ => self.repeat(),
        }
    }

    /// Delivers what is left.
    fn settle(&mut self) {
        while !self.on_their_way.is_empty() {
            self.deliver();
        }
    }

    fn write(&mut self, we_write: bool) {
        if self.on_their_way.len() >= ON_THEIR_WAY || (we_write != self.we_begin && !self.answered) {
            return self.deliver();
        }
        self.written += 1;
        let length = if self.version == Version::V2 { 48 } else { 32 };
        let text = format!("{:0>length$}", self.written);
        let encrypted = match we_write {
            true => self.ours.says(&text),
            false => {
                let first = !self.we_begin && self.written == 1;
                let bundle = first.then(|| wire(self.version, &self.ours.bundle()));
                self.theirs.says(&text, bundle)
            }
        };
        self.on_their_way.push(Message { to_us: !we_write, text, encrypted, number: self.written });
    }

    fn take(&mut self) -> Option<Message> {
        let count = self.on_their_way.len();
        (count > 0).then(|| self.on_their_way.swap_remove(self.seed.below(count as u64) as usize))
    }

    fn reads(&mut self, to_us: bool, encrypted: &Encrypted) -> Result<String, String> {
        match to_us {
            true => self.ours.reads(encrypted).map_err(|error| format!("{error:?}")),
            false => self.theirs.reads(encrypted),
        }
    }

    fn deliver(&mut self) {
        let Some(message) = self.take() else { return };
        assert_eq!(
            self.reads(message.to_us, &message.encrypted).as_deref(),
            Ok(message.text.as_str()),
            "{}",
            self.who(message.to_us)
        );
        self.answered = true;
        self.counts.read += 1;
        let newest = &mut self.newest_read[usize::from(message.to_us)];
        self.counts.late += usize::from(message.number < *newest);
        *newest = message.number.max(*newest);
        self.counts.turns += usize::from(self.last_writer.is_some_and(|last| last != message.to_us));
        self.last_writer = Some(message.to_us);
        self.read.push(message);
    }

    fn lose(&mut self) {
        // The first one has to come: until then who did not begin has nothing to read with.
        if self.answered && self.take().is_some() {
            self.counts.lost += 1;
        }
    }

    /// One bit differs: refused, and the true copy is read later.
    fn alter(&mut self) {
        let Some(message) = self.take() else { return };
        // Not all of a key exchange in version 0.3 is covered by its MAC.
        if !message.encrypted.key_exchange {
            let mut data = message.encrypted.data.clone();
            let place = self.seed.below(data.len() as u64) as usize;
            data[place] ^= 1 << self.seed.below(8);
            let altered = Encrypted { key_exchange: false, data };
            let outcome = self.reads(message.to_us, &altered);
            assert!(outcome.is_err(), "{} altered at {place}: {outcome:?}", self.who(message.to_us));
            self.counts.altered += 1;
        }
        self.on_their_way.push(message);
    }

    fn repeat(&mut self) {
        if self.read.is_empty() {
            return;
        }
        let index = self.seed.below(self.read.len() as u64) as usize;
        let message = self.read.swap_remove(index);
        let outcome = self.reads(message.to_us, &message.encrypted);
        assert!(outcome.is_err(), "{} repeated: {outcome:?}", self.who(message.to_us));
        self.counts.repeated += 1;
        self.read.push(message);
    }

    fn who(&self, to_us: bool) -> &'static str {
        if to_us { "from python to us" } else { "from us to python" }
    }
}

/// Their bundle as we read it.
fn bundle(version: Version, given: &Value) -> Bundle {
    let public = |value: &Value| version.decode_public(&bytes(value)).unwrap();
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    Bundle {
        identity: IdentityKey::from_wire(version, &bytes(&given["identity"])).unwrap(),
        signed_pre_key_id: number(&given["signed_pre_key_id"]),
        signed_pre_key: public(&given["signed_pre_key"]),
        signature: bytes(&given["signature"]).try_into().unwrap(),
        pre_keys: given["pre_keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (number(&pair[0]), public(&pair[1])))
            .collect(),
    }
}

/// Our bundle as they read it.
fn wire(version: Version, bundle: &Bundle) -> Value {
    let public = |key: &[u8; 32]| hex(&version.encode_public(key));
    json!({
        "identity": hex(&bundle.identity.to_wire(version).unwrap()),
        "signed_pre_key_id": bundle.signed_pre_key_id,
        "signed_pre_key": public(&bundle.signed_pre_key),
        "signature": hex(&bundle.signature),
        "pre_keys": bundle.pre_keys.iter().map(|(id, key)| json!([id, public(key)])).collect::<Vec<_>>(),
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
