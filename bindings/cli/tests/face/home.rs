//! The key file and the home, from outside: what opens, what is told, and what stays as it was.

use crate::support::{PATIENCE, Rpc, Scratch, kind, lines};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A scratch folder whose home holds one account.
fn settled() -> Scratch {
    let scratch = Scratch::new();
    let mut rpc = Rpc::start(&scratch);
    // A closed port of this machine: nothing here ever leaves it.
    let params = json!({ "jid": "juliet@a.example", "password": "p", "host": "127.0.0.1", "port": 1 });
    assert_eq!(rpc.ask("account.add", params)["result"]["account"], "juliet@a.example");
    assert_eq!(rpc.end().1, Some(0));
    scratch
}

fn accounts(scratch: &Scratch) -> String {
    let output = scratch.run(&["accounts"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every file of a folder with what it holds.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn database(scratch: &Scratch) -> PathBuf {
    let files = content(&scratch.path().join("home"));
    files.into_keys().find(|path| path.ends_with("store.db")).unwrap()
}

#[test]
fn the_first_account_makes_the_key_and_both_forms_of_it_open_the_home() {
    let scratch = settled();
    let path = scratch.path().join("key");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!((text.len(), text.ends_with('\n')), (65, true));
    assert!(accounts(&scratch).contains("juliet@a.example"));
    let raw: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect();
    fs::write(&path, raw).unwrap();
    assert!(accounts(&scratch).contains("juliet@a.example"));
    fs::write(&path, format!("{} \r\n\n", text.trim_end().to_uppercase())).unwrap();
    assert!(accounts(&scratch).contains("juliet@a.example"));
}

#[test]
fn a_home_with_an_account_never_gets_a_new_key() {
    let scratch = settled();
    let (path, away) = (scratch.path().join("key"), scratch.path().join("away"));
    fs::rename(&path, &away).unwrap();
    for command in
        [&["accounts"][..], &["chats"], &["rpc"], &["login", "other@a.example"], &["register", "o@a.example"]]
    {
        let output = scratch.run(&[&["--json"], command].concat());
        assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "key_file"), "{command:?}");
        assert!(!path.exists(), "{command:?}");
    }
    fs::rename(&away, &path).unwrap();
    assert!(accounts(&scratch).contains("juliet@a.example"));
}

#[test]
fn a_wrong_or_useless_key_is_told_and_changes_nothing() {
    let scratch = settled();
    let (path, home) = (scratch.path().join("key"), scratch.path().join("home"));
    let key = fs::read(&path).unwrap();
    let before = content(&home);
    for (wrong, told) in [(&[7; 32][..], "wrong_key"), (&[7; 31], "key_file"), (b"", "key_file"), (b"0g", "key_file")] {
        fs::write(&path, wrong).unwrap();
        for command in ["accounts", "rpc"] {
            let output = scratch.run(&["--json", command]);
            assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), told));
        }
        assert_eq!(fs::read(&path).unwrap(), wrong);
    }
    assert!(content(&home) == before, "the home was changed");
    fs::write(&path, key).unwrap();
    assert!(accounts(&scratch).contains("juliet@a.example"));
}

#[test]
fn a_key_file_that_is_no_file_is_refused_by_name() {
    let scratch = settled();
    let path = scratch.path().join("key");
    let pipe = || assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let folder = || fs::create_dir(&path).unwrap();
    let endless = || std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    fs::rename(&path, scratch.path().join("away")).unwrap();
    for make in [&pipe as &dyn Fn(), &endless, &folder] {
        make();
        let output = scratch.run(&["--json", "accounts"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "key_file"), "{told}");
        assert!(told.contains(path.to_str().unwrap()) && told.contains("not a file"), "{told}");
        let _ = fs::remove_file(&path);
    }
}

#[test]
fn a_home_that_is_a_file_is_refused_by_name() {
    let scratch = Scratch::new();
    let home = scratch.path().join("home");
    fs::write(&home, "mine").unwrap();
    for command in [&["accounts"][..], &["chats"], &["rpc"], &["login", "j@a.example"]] {
        let output = scratch.run(&[&["--json"], command].concat());
        assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "read_only_home"), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(home.to_str().unwrap()));
    }
    assert_eq!(fs::read(&home).unwrap(), b"mine");
    assert!(!scratch.path().join("key").exists());
}

#[test]
fn a_damaged_database_is_told_kept_and_can_be_forgotten() {
    let scratch = settled();
    let database = database(&scratch);
    let mut bytes = fs::read(&database).unwrap();
    bytes[..4096].fill(0);
    fs::write(&database, &bytes).unwrap();
    for command in [&["accounts"][..], &["chats"], &["send", "romeo@b.example", "hi"]] {
        let output = scratch.run(&[&["--json"], command].concat());
        assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "damaged_store"), "{command:?}");
    }
    assert!(fs::read(&database).unwrap() == bytes, "the damaged file was written to");
    let folder = database.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(scratch.run(&["forget", &folder]).status.code(), Some(0));
    assert_eq!(accounts(&scratch), "");
    assert!(!database.exists());
}

#[test]
fn a_login_that_fails_leaves_no_account_behind() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("password"), "p\n").unwrap();
    let password = scratch.path().join("password");
    let words = ["--json", "login", "juliet@a.example", "--host", "127.0.0.1", "--port", "1", "--password-file"];
    let output = scratch.run(&[&words[..], &[password.to_str().unwrap()]].concat());
    assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "unreachable"));
    assert_eq!(accounts(&scratch), "");
    let left = content(&scratch.path().join("home"));
    assert!(!left.keys().any(|path| path.ends_with("store.db")), "{:?}", left.keys());
}

#[test]
fn an_account_is_added_once() {
    let scratch = settled();
    let output = scratch.run(&["--json", "login", "Juliet@A.example"]);
    assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "account_exists"));
}

#[test]
fn a_name_is_given_without_any_server() {
    let scratch = settled();
    assert_eq!(scratch.run(&["contacts", "name", "romeo@b.example", "Romeo"]).status.code(), Some(0));
    let list = String::from_utf8(scratch.run(&["contacts"]).stdout).unwrap();
    assert!(list.starts_with("Romeo <romeo@b.example>"), "{list}");
}

#[test]
fn a_message_that_cannot_go_out_is_kept_and_named() {
    let scratch = settled();
    let output = scratch.run(&["--json", "send", "romeo@b.example", "hi there", "--timeout", "1"]);
    assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "unreachable"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is stored"));
    let history = scratch.run(&["--json", "history", "romeo@b.example"]);
    let row: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap();
    assert_eq!((&row["text"], &row["state"]), (&json!("hi there"), &json!("waiting")));
    let spelt = scratch.run(&["--json", "history", "Romeo@B.Example."]);
    assert_eq!(spelt.stdout, history.stdout, "another spelling of the same address");
    let search = scratch.run(&["search", "there"]);
    assert!(String::from_utf8(search.stdout).unwrap().contains("me [waiting]: hi there"));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let scratch = settled();
    let mut child = scratch.dunnock().arg("accounts").stdout(std::process::Stdio::piped()).spawn().unwrap();
    // Closed before the program can write: at the latest it opens the home in between.
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn listening_ends_cleanly_when_asked() {
    use std::process::{Command, Stdio};
    for signal in ["-INT", "-TERM"] {
        let scratch = settled();
        let mut listen = scratch.dunnock();
        listen.args(["--json", "listen"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = listen.spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        // The first event shows that it listens.
        let first = lines.recv_timeout(PATIENCE);
        if first.is_err() {
            child.kill().unwrap();
        }
        let first: serde_json::Value = serde_json::from_str(&first.unwrap()).unwrap();
        assert_eq!(first["kind"], "connection");
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        // Read on to the end of the output.
        assert!(lines.iter().all(|line| line.starts_with('{')));
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{signal}");
    }
}

#[test]
fn whether_a_password_stays_is_told_truly_and_another_one_changes_nothing_of_that() {
    let scratch = settled();
    let file = scratch.path().join("password");
    fs::write(&file, "another\n").unwrap();
    let rows = |words: &[&str]| -> Value {
        let output = scratch.run(&[&["--json"], words].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let another = |more: &[&str]| {
        let words = ["password", "juliet@a.example", "--password-file", file.to_str().unwrap()];
        rows(&[&words[..], more].concat())["password_kept"].as_bool().unwrap()
    };
    // There was no login that would leave something else of it.
    assert_eq!(rows(&["password", "juliet@a.example", "--show"])["password"], "p");
    assert_eq!(rows(&["accounts"])["password_kept"], true);
    assert!(!another(&[]), "nobody asked for that");
    assert!(another(&["--keep-password"]));
    assert!(another(&[]), "it was chosen before");
    assert!(!another(&["--keep-password=no"]) && !another(&[]));
    rows(&["server", "--allow-plain-login", "yes"]);
    assert!(another(&[]), "nothing else could log in");
    assert_eq!(rows(&["password", "juliet@a.example", "--show"])["password"], "another");
    let told = scratch.run(&["server"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("the password is kept here"), "{told:?}");
}
