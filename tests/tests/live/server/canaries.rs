//! What a person wrote, whom they know and their password are nowhere on the disk or in a log, but in the sealed database.

use dunnock_tests::dunnock::{Device, account};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::report;
use dunnock_tests::scratch::{files_below, files_holding};
use dunnock_tests::seed::Seed;
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

#[test]
fn no_text_jid_or_password_lies_in_clear_in_any_file_or_log() {
    let mut seed = Seed::for_test("canaries");
    let mut word = |kind: &str| format!("{kind}{:016x}", seed.number());
    let (me, friend, stranger) = (word("juliet"), word("romeo"), word("nobody"));
    let password = word("Password");
    let server = Prosody::with_accounts(&[]);
    [&me, &friend].iter().for_each(|user| server.account(user, &password));
    let texts: Vec<String> = (0..50).map(|_| word("canary")).collect();

    let (juliet, romeo) = (Device::new("juliet"), Device::new("romeo"));
    let mut ends = Vec::new();
    for (device, user) in [(&juliet, &me), (&romeo, &friend)] {
        let log = device.beside("log").display().to_string();
        let mut rpc = device.rpc_with(&["--log", &log]);
        let mut params = account(&server, user, server.port(), server.ca());
        params["password"] = json!(password);
        rpc.ok("account.add", params);
        rpc.connect(&server.jid(user));
        ends.push(rpc);
    }
    let (mine, theirs) = (server.jid(&me), server.jid(&friend));
    // Sent, received, failed and searched.
    for pair in texts[..40].chunks(2) {
        ends[0].says(&mine, &theirs, &pair[0]);
        ends[1].sees(&pair[0]);
        ends[1].says(&theirs, &mine, &pair[1]);
        ends[0].sees(&pair[1]);
    }
    let nobody = server.jid(&stranger);
    ends[0].ok("contact.name", json!({ "account": mine, "jid": theirs, "name": texts[40] }));
    let failing = json!({ "account": mine, "to": nobody, "text": texts[41] });
    if let Ok(sent) = ends[0].call("message.send", failing) {
        ends[0].event("delivery", "its failure", |event| {
            event["message"] == sent["message"] && event["state"] == "failed"
        });
    }
    for text in &texts[42..] {
        let _ = ends[0].call("search", json!({ "account": mine, "words": text }));
    }
    let rows = ends[0].ok("search", json!({ "account": mine, "words": texts[0] }));
    assert_eq!(rows.as_array().map(Vec::len), Some(1));
    let wrong = json!({ "account": mine, "password": texts[49] });
    ends[0].ok("account.update", wrong);
    ends[0].ok("account.disconnect", json!({ "account": mine }));
    ends[0].ok("account.connect", json!({ "account": mine }));
    ends[0].event_within(Duration::from_secs(60), "connection", "a refusal", |event| event["state"] == "refused");

    let mut forbidden: Vec<&str> = texts.iter().map(String::as_str).collect();
    forbidden.extend([me.as_str(), &friend, &stranger, &password]);
    for (rpc, device) in ends.iter_mut().zip([&juliet, &romeo]) {
        let errors = rpc.process().errors().join("\n");
        assert!(!forbidden.iter().any(|word| errors.contains(word)), "{errors}");
        let log = std::fs::read_to_string(device.beside("log")).expect("a log was asked for");
        assert!(!log.is_empty(), "nothing was logged: that would prove nothing");
        let said = forbidden.iter().find(|word| log.contains(**word));
        assert_eq!(said, None, "in the log");
        // Live, with its write-ahead log, and after the end.
        assert!(files_holding(&device.home(), &forbidden).is_empty());
    }
    for rpc in ends {
        assert_eq!(rpc.close(), Some(0));
    }
    assert!(files_holding(&juliet.home(), &forbidden).is_empty());
    assert!(files_holding(&romeo.home(), &forbidden).is_empty());
    // The control: the same file without the key layer holds them, so the search above could have found them.
    let clear = juliet.beside("clear");
    decrypt(&juliet, &clear);
    let folder = clear.parent().expect("it lies in a folder");
    let stored: Vec<&str> = texts[..41].iter().map(String::as_str).chain([me.as_str(), &friend]).collect();
    let found: Vec<&str> = files_holding(folder, &stored).into_iter().map(|(_, text)| text).collect();
    let missed: Vec<&&str> = stored.iter().filter(|text| !found.contains(*text)).collect();
    assert!(missed.is_empty(), "the control does not hold {missed:?}");
    report::note(&format!("canaries: {} words, 0 in clear; {} in the control", forbidden.len(), stored.len()));
}

/// Writes the database in clear with the key.
fn decrypt(device: &Device, to: &Path) {
    let files = files_below(&device.home());
    let database = files.iter().find(|file| file.ends_with("store.db")).expect("there is a database");
    let key = std::fs::read(device.key_file()).expect("there is a key");
    let hex = match key.len() {
        32 => key.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => String::from_utf8(key).expect("a key in digits").trim().to_owned(),
    };
    let connection = Connection::open(database).expect("the database can be opened");
    let attach = format!("ATTACH DATABASE '{}' AS clear KEY ''", to.display());
    let script =
        format!("PRAGMA key = \"x'{hex}'\"; {attach}; SELECT sqlcipher_export('clear'); DETACH DATABASE clear;");
    connection.execute_batch(&script).expect("the key opens it");
}
