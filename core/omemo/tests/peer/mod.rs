//! A device driven by JSON: the other side of `vectors/make.py`, and what replays the talks that it recorded.
//!
//! All randomness comes with the request, in the order in which the crate draws it, so a replay gives the same
//! bytes. State goes through its stored form after every operation.

use std::collections::HashMap;

use dunnock_omemo::{
    Bundle, Error, Identity, IdentityKey, Incoming, PreKeyPair, Session, SignedPreKeyPair, SkippedKey, Version,
    generate_pre_keys, payload, sign_pre_key,
};
use serde_json::{Value, json};

use self::random::Script;

#[path = "../../src/test_random.rs"]
mod random;

/// One device and at most one session.
pub(crate) struct Peer {
    version: Version,
    seed: [u8; 32],
    signed: Vec<u8>,
    pre_keys: HashMap<u32, Vec<u8>>,
    session: Option<Vec<u8>>,
    skipped: HashMap<([u8; 32], u32), [u8; 32]>,
}

impl Peer {
    /// A device from a `new` request.
    pub(crate) fn new(request: &Value) -> Self {
        let version = match request["version"].as_str() {
            Some("0.3") => Version::V03,
            Some("2") => Version::V2,
            other => panic!("unknown version {other:?}"),
        };
        let seed = array(&request["seed"]);
        let mut random = script(request);
        let signed = sign_pre_key(version, &Identity::from_seed(&seed), 7, &mut random).to_bytes().to_vec();
        let pre_keys = generate_pre_keys(&mut random, 1, 5);
        random.end();
        let pre_keys = pre_keys.iter().map(|pair| (pair.id(), pair.to_bytes().to_vec())).collect();
        Self { version, seed, signed, pre_keys, session: None, skipped: HashMap::new() }
    }

    /// Does what a request asks.
    pub(crate) fn answer(&mut self, request: &Value) -> Value {
        let result = match request["op"].as_str() {
            Some("bundle") => Ok(self.bundle()),
            Some("initiate") => self.initiate(request),
            Some("encrypt") => self.encrypt(request),
            Some("decrypt") => self.decrypt(request),
            Some("seal") => Ok(self.seal(request)),
            Some("open") => self.open(request),
            other => panic!("unknown operation {other:?}"),
        };
        result.unwrap_or_else(|error| json!({ "error": format!("{error:?}") }))
    }

    fn identity(&self) -> Identity {
        Identity::from_seed(&self.seed)
    }

    fn bundle(&self) -> Value {
        let signed = SignedPreKeyPair::from_bytes(&self.signed).unwrap();
        let mut pre_keys: Vec<_> = self.pre_keys.values().map(|b| PreKeyPair::from_bytes(b).unwrap()).collect();
        pre_keys.sort_by_key(PreKeyPair::id);
        let bundle = Bundle::new(&self.identity(), &signed, &pre_keys);
        let public = |key: &[u8; 32]| hex(&self.version.encode_public(key));
        json!({
            "identity": hex(&bundle.identity.to_wire(self.version).unwrap()),
            "signed_pre_key_id": bundle.signed_pre_key_id,
            "signed_pre_key": public(&bundle.signed_pre_key),
            "signature": hex(&bundle.signature),
            "pre_keys": bundle.pre_keys.iter().map(|(id, key)| json!([id, public(key)])).collect::<Vec<_>>(),
        })
    }

    fn initiate(&mut self, request: &Value) -> Result<Value, Error> {
        let from = &request["bundle"];
        let public = |value: &Value| self.version.decode_public(&bytes(value));
        let mut pre_keys = Vec::new();
        for pair in from["pre_keys"].as_array().unwrap() {
            pre_keys.push((number(&pair[0]), public(&pair[1])?));
        }
        let bundle = Bundle {
            identity: IdentityKey::from_wire(self.version, &bytes(&from["identity"]))?,
            signed_pre_key_id: number(&from["signed_pre_key_id"]),
            signed_pre_key: public(&from["signed_pre_key"])?,
            signature: bytes(&from["signature"]).try_into().unwrap(),
            pre_keys,
        };
        let mut random = script(request);
        let session = Session::initiate(self.version, &self.identity(), &bundle, &mut random)?;
        random.end();
        self.session = Some(session.to_bytes().to_vec());
        Ok(json!({}))
    }

    fn encrypt(&mut self, request: &Value) -> Result<Value, Error> {
        let session = self.session().expect("a session comes first");
        let mut random = script(request);
        let (encrypted, change) = session.encrypt(&bytes(&request["material"]), &mut random)?;
        random.end();
        self.session = Some(change.session.to_bytes().to_vec());
        Ok(json!({ "kex": encrypted.key_exchange, "data": hex(&encrypted.data) }))
    }

    fn decrypt(&mut self, request: &Value) -> Result<Value, Error> {
        let message = Incoming::parse(self.version, request["kex"].as_bool().unwrap(), &bytes(&request["data"]))?;
        let row = (*message.ratchet_key(), message.n());
        let skipped = self.skipped.get(&row).map(|key| SkippedKey::new(row.0, row.1, key));
        let session = self.session();
        let known = session
            .as_ref()
            .filter(|session| message.key_exchange().is_none_or(|exchange| exchange.base_key == *session.base_key()));
        let (decrypted, change) = match (known, message.key_exchange()) {
            (Some(session), _) => session.decrypt(&message, skipped.as_ref())?,
            (None, None) => return Ok(json!({ "error": "NoSession" })),
            (None, Some(exchange)) => {
                let signed = SignedPreKeyPair::from_bytes(&self.signed)?;
                let row = self.pre_keys.get(&exchange.pre_key_id);
                let pre_key = row.map(|bytes| PreKeyPair::from_bytes(bytes)).transpose()?;
                Session::accept(&self.identity(), Some(&signed), pre_key.as_ref(), &message)?
            }
        };
        self.session = Some(change.session.to_bytes().to_vec());
        for key in &change.new_skipped {
            self.skipped.insert((*key.ratchet_key(), key.n()), *key.message_key());
        }
        if let Some(row) = change.used_skipped() {
            self.skipped.remove(&row);
        }
        if let Some(id) = change.used_pre_key {
            self.pre_keys.remove(&id);
        }
        Ok(json!({
            "material": hex(&decrypted.key_material),
            "new_session": decrypted.new_session,
            "heartbeat_due": decrypted.heartbeat_due,
        }))
    }

    fn seal(&self, request: &Value) -> Value {
        let mut random = script(request);
        let (sealed, material) = match request.get("clear") {
            Some(clear) => payload::encrypt(self.version, &bytes(clear), &mut random),
            None => payload::empty(self.version, &mut random),
        };
        random.end();
        json!({
            "data": sealed.data.map(|data| hex(&data)),
            "iv": sealed.iv.map(|iv| hex(&iv)),
            "material": hex(&material),
        })
    }

    fn open(&self, request: &Value) -> Result<Value, Error> {
        let [material, iv, data] = ["material", "iv", "data"].map(|name| bytes(&request[name]));
        let clear = payload::decrypt(self.version, &material, &iv, &data)?;
        Ok(json!({ "clear": hex(&clear) }))
    }

    fn session(&self) -> Option<Session> {
        self.session.as_ref().map(|bytes| Session::from_bytes(bytes).unwrap())
    }
}

fn script(request: &Value) -> Script {
    Script(request.get("random").map(bytes).unwrap_or_default())
}

/// The bytes of a hexadecimal JSON string; none for null.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap_or_default();
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

/// The same for a known size.
pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("the vector has another size")
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
