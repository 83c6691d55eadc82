//! The contract of `rpc`, held against a whole talk: every answer and every event has the form that the schema says.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::prosody::{Prosody, Settings};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// `docs/contract.schema.json`.
struct Contract(Value);

impl Contract {
    fn read() -> Contract {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contract.schema.json");
        let text = std::fs::read_to_string(path).expect("the contract is in the tree");
        Contract(serde_json::from_str(&text).expect("the contract is JSON"))
    }

    /// Fails unless `value` has the form that the contract calls `part`.
    fn holds(&self, part: &str, value: &Value) {
        let schema =
            json!({ "$schema": self.0["$schema"], "$ref": format!("#/$defs/{part}"), "$defs": self.0["$defs"] });
        let validator = jsonschema::validator_for(&schema).expect("the contract is a schema");
        let wrong: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{part}: {wrong:#?}\n{value:#}");
    }

    /// Calls a method and holds request and result to the contract.
    fn asks(&self, rpc: &mut Rpc, method: &str, params: Value) -> Value {
        self.holds("request", &json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
        let result = rpc.ok(method, params);
        self.holds(&format!("{method}:result"), &result);
        result
    }
}

const KINDS: [&str; 6] = ["connection", "message", "delivery", "device", "unreadable", "typing"];

#[test]
fn all_that_a_talk_brings_has_the_form_that_the_contract_says() {
    let contract = Contract::read();
    let server = Prosody::start(Settings::default());
    let mut people = ["juliet", "romeo"].map(|user| {
        server.account(user, Prosody::PASSWORD);
        let device = Device::new(user);
        let rpc = device.online(&server, user);
        (server.jid(user), rpc, device)
    });
    let [(juliet, julia, _), (romeo, rom, _)] = &mut people;
    let sent = contract.asks(julia, "message.send", json!({ "account": juliet, "to": romeo, "text": "Ay me!" }));
    let seen = rom.sees("Ay me!");
    contract.holds("event", &seen);
    let answer = json!({ "account": romeo, "to": juliet, "text": "She speaks", "reply_to": seen["message"] });
    contract.asks(rom, "message.send", answer);
    contract.holds("event", &julia.sees("She speaks"));
    contract.asks(rom, "chat.mark_read", json!({ "account": romeo, "chat": juliet }));
    contract.asks(rom, "chat.typing", json!({ "account": romeo, "chat": juliet, "state": "composing" }));
    contract.asks(julia, "contact.add", json!({ "account": juliet, "jid": romeo }));
    contract.asks(julia, "contact.name", json!({ "account": juliet, "jid": romeo, "name": "Romeo" }));
    let devices = contract.asks(julia, "device.list", json!({ "account": juliet, "jid": romeo }));
    let fingerprint = &devices[0]["fingerprint"];
    let verified = json!({ "account": juliet, "jid": romeo, "fingerprint": fingerprint, "trust": "verified" });
    contract.asks(julia, "device.decide", verified);
    let delivered = |event: &Value| event["message"] == sent["message"] && event["state"] == "delivered";
    contract.holds("event", &julia.event("delivery", "delivered", delivered));
    for (jid, rpc, other) in [(&*juliet, &mut *julia, &*romeo), (&*romeo, &mut *rom, &*juliet)] {
        reads(&contract, rpc, jid, other);
    }
    let mut kinds = BTreeSet::new();
    for rpc in [julia, rom] {
        for event in KINDS.iter().flat_map(|kind| rpc.events(kind)) {
            contract.holds("event", &event);
            kinds.insert(event["kind"].as_str().unwrap_or_default().to_owned());
        }
    }
    // Else nothing was held against anything.
    assert!(kinds.contains("connection") && kinds.contains("delivery"), "{kinds:?}");
}

/// All that only reads.
fn reads(contract: &Contract, rpc: &mut Rpc, account: &str, other: &str) {
    for (method, params) in [
        ("rpc.version", json!({})),
        ("account.list", json!({})),
        ("chat.list", json!({ "account": account })),
        ("chat.timeline", json!({ "account": account, "chat": other, "limit": 10 })),
        ("contact.list", json!({ "account": account })),
        ("device.list", json!({ "account": account, "jid": account })),
        ("device.list", json!({ "account": account, "jid": other })),
        ("search", json!({ "account": account, "words": "me" })),
    ] {
        let rows = contract.asks(rpc, method, params);
        assert!(
            method == "contact.list" || rows.as_array().is_none_or(|rows| !rows.is_empty()),
            "{method} shows nothing"
        );
    }
}
