//! Homes that cannot be used: a wrong key, damaged files, no right to write, no room. Nothing is overwritten, and the
//! next good start finds everything.

use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::{Device, Done};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::scratch::files_below;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SAID: [&str; 3] = ["one", "two", "three"];

/// A server, a device that has said a few things to Romeo, and Romeo's JID.
fn story() -> (Prosody, Device, String) {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let romeo = server.jid("romeo");
    // Someone to talk to who has keys.
    Device::logged_in("romeo", &server, "romeo");
    let juliet = Device::logged_in("juliet", &server, "juliet");
    SAID.iter().for_each(|text| assert_eq!(juliet.rows(&["send", &romeo, text]).len(), 1));
    (server, juliet, romeo)
}

fn database(device: &Device) -> PathBuf {
    let files = files_below(&device.home());
    files.into_iter().find(|file| file.ends_with("store.db")).expect("there is one account")
}

/// Every file of the home with its content, so that it can be told whether anything was touched.
fn content(device: &Device) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(&device.home()).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

/// Commands of every sort: reading, changing, connecting.
fn sorts(with: &str) -> [Vec<String>; 5] {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    [
        words(&["history", with]),
        words(&["send", with, "lost?"]),
        words(&["allow-plain", with, "yes"]),
        words(&["contacts", "add", with]),
        words(&["listen"]),
    ]
}

fn refused_all(device: &Device, with: &str, kind: &str) {
    for words in sorts(with) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(device.json(&words).refused().kind, kind, "{words:?}");
    }
}

/// The next good start: the past is there, and the talk goes on.
fn goes_on(device: &Device, with: &str, said: &[&str]) {
    assert_eq!(device.texts(with), said);
    device.rows(&["send", with, "and on"]);
    let last = device.rows(&["history", with, "--limit", "1"]);
    assert_eq!(last[0]["text"], "and on");
    assert_eq!(device.rows(&["search", "three"]).len(), 1);
}

#[test]
fn a_wrong_key_opens_nothing_and_changes_nothing() {
    let (server, juliet, romeo) = story();
    let (right, before) = (fs::read(juliet.key_file()).unwrap(), content(&juliet));
    fs::write(juliet.key_file(), "7".repeat(64)).unwrap();
    refused_all(&juliet, &romeo, "wrong_key");
    assert_eq!(juliet.login(&server.jid("tybalt"), "x", Place::of(&server)).refused().kind, "wrong_key");
    fs::write(juliet.key_file(), "not a key").unwrap();
    assert_eq!(juliet.json(&["chats"]).refused().kind, "key_file");
    // A home with an account never gets a new key.
    fs::remove_file(juliet.key_file()).unwrap();
    refused_all(&juliet, &romeo, "key_file");
    assert!(!juliet.key_file().exists());
    assert!(content(&juliet) == before, "the home was changed");
    fs::write(juliet.key_file(), right).unwrap();
    goes_on(&juliet, &romeo, &SAID);
}

#[test]
fn a_damaged_database_is_told_and_left_as_it_is() {
    let (_server, juliet, romeo) = story();
    let file = database(&juliet);
    let good = fs::read(&file).unwrap();
    let flipped = {
        let mut bytes = good.clone();
        bytes[20] ^= 1;
        bytes
    };
    let foreign = [b"SQLite format 3\0".as_slice(), &[7; 8192]].concat();
    let cases = [
        ("empty", Vec::new()),
        ("cut to less than a page", good[..1000].to_vec()),
        ("zeroed", vec![0; good.len()]),
        ("its first page zeroed", [&[0; 4096], &good[4096..]].concat()),
        ("one bit flipped", flipped),
        ("a text", b"Dear diary, ".repeat(1000)),
        ("somebody else's", foreign),
    ];
    for (name, bytes) in cases {
        fs::write(&file, &bytes).unwrap();
        refused_all(&juliet, &romeo, "damaged_store");
        assert_eq!(juliet.json(&["accounts"]).refused().kind, "damaged_store", "{name}");
        assert!(fs::read(&file).unwrap() == bytes, "{name}: the file was changed");
    }
    fs::remove_file(&file).unwrap();
    refused_all(&juliet, &romeo, "damaged_store");
    assert!(!file.exists());
    fs::write(&file, &good).unwrap();
    goes_on(&juliet, &romeo, &SAID);
}

#[test]
fn damage_in_the_middle_stops_writing_and_the_rest_can_be_saved() {
    let (_server, juliet, romeo) = story();
    let file = database(&juliet);
    let good = fs::read(&file).unwrap();
    let pages = good.len() / 4096;
    assert!(pages > 20);
    for (name, bytes) in [
        ("cut in half", good[..pages / 2 * 4096].to_vec()),
        ("its second half zeroed", [&good[..pages / 2 * 4096], &vec![0; good.len() - pages / 2 * 4096]].concat()),
    ] {
        fs::write(&file, &bytes).unwrap();
        for words in sorts(&romeo) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // What lies in the good half may still be read; nothing may be half done, and nothing may crash.
            let done = juliet.json(&words);
            if done.status != Some(0) {
                assert_eq!(done.refused().kind, "damaged_store", "{name}: {words:?}");
            }
            fs::write(&file, &bytes).unwrap();
            let _ = fs::remove_file(file.with_extension("db-wal"));
            let _ = fs::remove_file(file.with_extension("db-shm"));
        }
        let export = juliet.beside("export.jsonl");
        let saved = juliet.json(&["export", &export.to_string_lossy()]);
        assert!(saved.status == Some(0) || saved.refused().kind == "damaged_store", "{name}: {saved:?}");
        let _ = fs::remove_file(export);
    }
    fs::write(&file, &good).unwrap();
    goes_on(&juliet, &romeo, &SAID);
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let (server, juliet, romeo) = story();
    let key = fs::read(juliet.key_file()).unwrap();
    set_writable(&juliet.home(), false);
    for words in [&["send", &romeo, "lost?"][..], &["contacts", "add", &romeo], &["allow-plain", &romeo, "yes"]] {
        let refusal = unprivileged(&juliet, words).refused();
        assert_eq!(refusal.kind, "read_only_home", "{words:?}");
    }
    let file = juliet.write("other", "x").to_string_lossy().into_owned();
    let login = ["login", "tybalt@verona.test", "--password-file", &file];
    let refusal = unprivileged(&juliet, &login).refused();
    assert_eq!(refusal.kind, "read_only_home");
    set_writable(&juliet.home(), true);
    assert_eq!(fs::read(juliet.key_file()).unwrap(), key);
    goes_on(&juliet, &romeo, &SAID);
    // A home that cannot even be begun.
    let fresh = Device::new("fresh");
    fs::create_dir(fresh.home()).unwrap();
    set_writable(&fresh.home(), false);
    let file = fresh.write("password", Prosody::PASSWORD).to_string_lossy().into_owned();
    let (port, ca) = (server.port().to_string(), server.ca().to_string_lossy().into_owned());
    let login = ["login", "juliet@verona.test", "--password-file", &file, "--host", "127.0.0.1", "--port", &port];
    let refusal = unprivileged(&fresh, &[&login[..], &["--ca", &ca]].concat()).refused();
    assert_eq!(refusal.kind, "read_only_home");
    set_writable(&fresh.home(), true);
    fresh.login(&server.jid("juliet"), Prosody::PASSWORD, Place::of(&server)).done();
}

#[test]
fn a_full_disk_is_told_and_loses_nothing_that_was_acknowledged() {
    let (_server, juliet, romeo) = story();
    let mut said: Vec<String> = SAID.iter().map(|text| (*text).to_owned()).collect();
    let mut full = 0;
    // From no room at all to room enough, in blocks of 512 bytes.
    for blocks in [0, 1, 8, 24, 64, 128, 4096] {
        let text = format!("with {blocks} blocks");
        let done = limited(&juliet, blocks, &["send", &romeo, &text, "--timeout", "4"]);
        match done.status {
            Some(0) => {
                done.done();
            }
            _ => {
                let refusal = done.refused();
                assert_eq!(refusal.kind, "disk_full", "{blocks}: {refusal:?}");
                full += 1;
            }
        }
        // What was stored before the room ran out is there; what was refused outright is not half there.
        let texts = juliet.texts(&romeo);
        assert!(
            texts == said || texts == [&said[..], std::slice::from_ref(&text)].concat(),
            "{texts:?} after {said:?}"
        );
        assert!(done.status != Some(0) || texts.len() > said.len(), "an acknowledged message is lost: {blocks}");
        said = texts;
    }
    assert!(full >= 3, "the limit never bit");
    juliet.rows(&["send", &romeo, "at last"]);
    said.push("at last".to_owned());
    assert_eq!(juliet.texts(&romeo), said);
    let mut rpc = juliet.rpc();
    rpc.connect("juliet@verona.test");
    let late = said.len();
    let sent = |rows: &[serde_json::Value]| {
        rows.iter().filter(|row| ["sent", "delivered"].contains(&row["state"].as_str().unwrap_or(""))).count()
    };
    while sent(&rpc.timeline("juliet@verona.test", &romeo)) < late {
        rpc.event("delivery", "of a message that had to wait", |_| true);
    }
    assert_eq!(rpc.close(), Some(0));
}

/// Takes the right to write from every folder and file below, or gives it back.
fn set_writable(folder: &Path, writable: bool) {
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if writable {
        mode(folder, 0o700);
    }
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => set_writable(&entry.path(), writable),
            false => mode(&entry.path(), if writable { 0o600 } else { 0o400 }),
        }
    }
    if !writable {
        mode(folder, 0o500);
    }
}

/// Runs a command for which permissions count, also when the tests are root's.
fn unprivileged(device: &Device, words: &[&str]) -> Done {
    wrapped(device, &["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"], words)
}

/// Runs a command that may make no file longer than so many blocks of 512 bytes.
fn limited(device: &Device, blocks: u32, words: &[&str]) -> Done {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    wrapped(device, &["sh", "-c", &script, "sh"], words)
}

/// Runs a command with `--json` by way of another program.
fn wrapped(device: &Device, by: &[&str], words: &[&str]) -> Done {
    let inner = device.command(&[&["--json"], words].concat());
    let mut command = Command::new(by[0]);
    command.args(&by[1..]).arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", by[0]));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Done { status: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}
