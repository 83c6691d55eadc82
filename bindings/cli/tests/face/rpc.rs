//! `dunnock rpc` on real pipes, without a server.

use crate::support::{Contract, Rpc, Scratch};
use dunnock_core::ErrorKind;
use serde_json::{Value, json};

#[test]
fn malformed_lines_are_answered_and_the_process_goes_on() {
    let (scratch, contract) = (Scratch::new(), Contract::read());
    let mut rpc = Rpc::start(&scratch);
    let huge =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"rpc.version","params":{{"x":"{}"}}}}"#, "y".repeat(5_000_000));
    for (line, code) in [
        (&b"{"[..], -32700),
        (b"\xff\xff", -32700),
        (b"[1,2]", -32600),
        (b"null", -32600),
        (br#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"no.such"}"#, -32601),
        (br#"{"jsonrpc":"2.0","id":1,"method":"account.remove"}"#, -32602),
        (br#"{"jsonrpc":"2.0","id":1,"method":"rpc.version","params":[1]}"#, -32602),
        (huge.as_bytes(), -32600),
    ] {
        rpc.write(line);
        let answer = rpc.read().unwrap();
        contract.holds("error", &answer);
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert_eq!(answer["error"]["data"]["kind"], ErrorKind::InvalidInput.code());
    }
    rpc.write(b"");
    rpc.write(br#"{"jsonrpc":"2.0","method":"rpc.version"}"#);
    let version = rpc.ask("rpc.version", json!({}));
    contract.holds("rpc.version:result", &version["result"]);
    assert_eq!(version["result"]["name"], "dunnock");
    assert_eq!(rpc.end(), (Vec::new(), Some(0)));
}

#[test]
fn every_method_of_the_contract_is_known_and_the_missing_ones_say_so() {
    let (scratch, contract) = (Scratch::new(), Contract::read());
    let mut rpc = Rpc::start(&scratch);
    for method in contract.methods() {
        let answer = rpc.ask(&method, json!({}));
        contract.holds("line", &answer);
        assert_ne!(answer["error"]["code"], -32601, "{method}");
        let kind = &answer["error"]["data"]["kind"];
        assert_eq!(*kind == json!("not_yet"), !contract.answers(&method), "{method}: {kind}");
    }
    assert_eq!(rpc.end().1, Some(0));
}

#[test]
fn requests_before_the_end_of_the_input_are_still_answered() {
    let scratch = Scratch::new();
    let mut rpc = Rpc::start(&scratch);
    for id in 0..500 {
        rpc.write(json!({ "jsonrpc": "2.0", "id": id, "method": "rpc.version" }).to_string().as_bytes());
    }
    let (lines, status) = rpc.end();
    let mut ids: Vec<u64> = lines.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!((ids, status), ((0..500).collect(), Some(0)));
}

#[test]
fn errors_of_the_engine_keep_their_kind() {
    let (scratch, contract) = (Scratch::new(), Contract::read());
    let mut rpc = Rpc::start(&scratch);
    let kind = |answer: Value| {
        contract.holds("error", &answer);
        (answer["error"]["code"].as_i64().unwrap(), answer["error"]["data"]["kind"].as_str().unwrap().to_owned())
    };
    let nobody = json!({ "account": "nobody@a.example" });
    for method in ["account.connect", "account.remove", "chat.list", "contact.list"] {
        assert_eq!(kind(rpc.ask(method, nobody.clone())), (-32000, "no_account".into()), "{method}");
    }
    for port in [0, 65_536] {
        let wrong = json!({ "jid": "j@a.example", "password": "p", "port": port });
        assert_eq!(kind(rpc.ask("account.add", wrong)), (-32602, "invalid_input".into()));
    }
    for limit in [0, 201] {
        let wrong = json!({ "account": "nobody@a.example", "chat": "r@b.example", "limit": limit });
        assert_eq!(kind(rpc.ask("chat.timeline", wrong)), (-32602, "invalid_input".into()));
        let wrong = json!({ "account": "nobody@a.example", "words": "w", "limit": limit });
        assert_eq!(kind(rpc.ask("search", wrong)), (-32602, "invalid_input".into()));
    }
    let wrong = json!({ "jid": "@", "password": "p" });
    assert_eq!(kind(rpc.ask("account.add", wrong)), (-32602, "invalid_jid".into()));
    for route in ["Tor", "", "socks5://127.0.0.1"] {
        let wrong = json!({ "jid": "j@a.example", "password": "p", "route": route });
        assert_eq!(kind(rpc.ask("account.add", wrong)), (-32602, "invalid_input".into()), "{route}");
    }
    let none = json!({ "jid": "j@a.example" });
    assert_eq!(kind(rpc.ask("account.add", none)), (-32602, "invalid_input".into()));
    assert_eq!(rpc.ask("account.list", json!({}))["result"], json!([]));
    assert_eq!(rpc.end().1, Some(0));
}

#[test]
fn an_account_comes_and_goes_with_rows_of_the_contract() {
    let (scratch, contract) = (Scratch::new(), Contract::read());
    let mut rpc = Rpc::start(&scratch);
    let account = json!({ "account": "juliet@a.example" });
    // In one breath: what follows the adding waits for it.
    let add = json!({ "jid": "juliet@a.example", "password": "p" });
    rpc.write(json!({ "jsonrpc": "2.0", "id": "add", "method": "account.add", "params": add }).to_string().as_bytes());
    let with = |more: Value| {
        let mut params = account.clone();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let sent = rpc.ask("message.send", with(json!({ "to": "romeo@b.example", "text": "hi", "origin_id": "once" })));
    contract.holds("message.send:result", &sent["result"]);
    let again = rpc.ask("message.send", with(json!({ "to": "romeo@b.example", "text": "hi", "origin_id": "once" })));
    assert_eq!(sent["result"], again["result"]);
    for (method, params) in [
        ("account.list", json!({})),
        ("chat.list", account.clone()),
        ("chat.timeline", with(json!({ "chat": "romeo@b.example" }))),
        ("contact.list", account.clone()),
        ("device.list", with(json!({ "jid": "juliet@a.example" }))),
        ("search", with(json!({ "words": "hi" }))),
        ("chat.allow_plain", with(json!({ "chat": "romeo@b.example", "allow": false }))),
        ("chat.mark_read", with(json!({ "chat": "romeo@b.example" }))),
    ] {
        contract.holds("request", &json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
        let answer = rpc.ask(method, params);
        contract.holds("result", &answer);
        contract.holds(&format!("{method}:result"), &answer["result"]);
    }
    let rows = rpc.ask("chat.timeline", with(json!({ "chat": "romeo@b.example" })));
    assert_eq!(rows["result"].as_array().map(Vec::len), Some(1));
    assert_eq!(rows["result"][0]["state"], "waiting");
    assert_eq!(rpc.ask("account.remove", account)["result"], json!({}));
    assert_eq!(rpc.ask("account.list", json!({}))["result"], json!([]));
    assert_eq!(rpc.end().1, Some(0));
}
