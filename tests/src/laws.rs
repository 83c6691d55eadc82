//! The laws of `ARCHITECTURE.md` that can be checked by reading the tree.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file without its tests.
struct Source {
    path: String,
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below `folder`, without test files, test modules and comments.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.starts_with("tests") && name != "scratch.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, code: code.join("\n") });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}: this test reads nothing");
    found
}

/// Asserts that none of `words` stands in a file of `folder`, but for the files whose path contains one of `rooms`.
fn only_in(folder: &str, rooms: &[&str], words: &[&str]) {
    let mut breaches = Vec::new();
    for source in sources(folder).iter().filter(|source| !rooms.iter().any(|room| source.path.contains(room))) {
        for word in words.iter().filter(|word| source.code.contains(**word)) {
            breaches.push(format!("{}: {word}", source.path));
        }
    }
    assert!(breaches.is_empty(), "only {rooms:?} may say this: {breaches:#?}");
}

#[test]
fn law_1_omemo_knows_no_xmpp_sql_async_clock_file_or_log() {
    let words = [
        "jabber:",
        "urn:xmpp",
        "minidom",
        "rusqlite",
        "async ",
        "tokio",
        "SystemTime",
        "Instant",
        "std::fs",
        "tracing",
    ];
    only_in("core/omemo/src", &[], &words);
    let manifest = fs::read_to_string(root().join("core/omemo/Cargo.toml")).unwrap();
    let wanted = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let allowed = [
        "curve25519-dalek",
        "ed25519-dalek",
        "sha2",
        "hmac",
        "hkdf",
        "aes",
        "aes-gcm",
        "cbc",
        "rand_core",
        "subtle",
        "zeroize",
        "prost",
    ];
    for name in wanted.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty()) {
        assert!(allowed.contains(&name) || name.starts_with('#'), "the omemo crate depends on {name}");
    }
}

#[test]
fn law_2_only_the_store_writes_sql_and_queries_only_select() {
    let sql = ["rusqlite", "SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "PRAGMA "];
    only_in("core/src", &["src/store/", "src/query/"], &sql);
    only_in("core/src/query", &[], &["INSERT ", "UPDATE ", "DELETE FROM", "DROP ", "PRAGMA "]);
    only_in("bindings", &[], &["rusqlite", "minidom", "tokio_xmpp"]);
}

#[test]
fn law_3_only_net_opens_sockets_and_resolves_names() {
    only_in(
        "core/src",
        &["src/net/"],
        &[
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "lookup_host",
            "hickory",
            "ToSocketAddrs",
            "arti_client",
        ],
    );
    // Of net/ itself only one route resolves names here and dials by itself; a proxy is reached through it.
    let rooms = ["net/direct.rs", "net/dns.rs", "net/prompt.rs"];
    only_in("core/src/net", &rooms, &["TcpStream::connect", "lookup_host", "TokioResolver"]);
    only_in("bindings", &[], &["TcpStream", "UdpSocket", "lookup_host", "arti_client"]);
}

#[test]
fn law_4_the_engine_never_awaits_and_reads_no_clock() {
    let words = [
        "async ",
        ".await;",
        ".await?",
        ".await.",
        "tokio",
        "SystemTime",
        "Instant",
        "clock::now",
        "std::fs",
        "std::net",
        "std::thread",
        "rand::rng(",
    ];
    only_in("core/src/engine", &[], &words);
}

#[test]
fn law_7_only_the_ffi_knows_uniffi() {
    for folder in ["core", "bindings/cli", "xtask/src", "tests/src"] {
        only_in(folder, &["tests/src/laws.rs"], &["uniffi"]);
    }
    for package in ["core", "core/omemo", "bindings/cli", "tests", "xtask"] {
        let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("uniffi"), "{package} depends on it");
    }
}

#[test]
fn every_profile_unwinds_and_no_default_build_panics_when_told() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let profiles: Vec<&str> = workspace.split("\n[profile.").skip(1).filter(|text| !name(text).contains('.')).collect();
    assert!(profiles.len() >= 2, "this test reads nothing");
    for profile in profiles {
        let own = profile.split("\n[").next().unwrap();
        let settled = own.contains("\npanic = \"unwind\"") || own.contains("\ninherits = ");
        assert!(settled && !own.contains("abort"), "profile {} does not pin it", name(profile));
    }
    let ffi = fs::read_to_string(root().join("bindings/ffi/Cargo.toml")).unwrap();
    assert!(ffi.contains("\ntest-panics = []") && !ffi.contains("\ndefault ="));
    assert!(!fs::read_to_string(root().join(".cargo/config.toml")).unwrap().contains("panic"));
}

#[test]
fn what_crosses_the_border_is_documented_in_the_words_of_the_core() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    // A documentation comment and the line it is for, without what only one side needs.
    let pairs = |text: &str| -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("#[")) {
            if let Some(doc) = line.strip_prefix("///") {
                words.push(doc.trim().to_owned());
            } else {
                let item = line.split(" = ").next().unwrap().trim_end_matches([',', '{', ' ']).to_owned();
                let item = item.trim_start_matches("pub enum ").trim_start_matches("pub struct ").to_owned();
                pairs.push((std::mem::take(&mut words).join(" "), item));
            }
        }
        pairs
    };
    let core = ["model", "model/event", "model/room", "command", "lifecycle", "route"]
        .map(|name| pairs(&read(&format!("core/src/{name}.rs"))))
        .concat();
    let border = read("bindings/ffi/src/model.rs");
    let declared = border.split("#[derive(uniffi::Record)]").next().unwrap().split_once("});").expect("Time").1;
    let declared = format!("{declared}{}", read("bindings/ffi/src/model/event.rs"));
    let strange: Vec<_> = pairs(&declared)
        .into_iter()
        .filter(|(_, item)| {
            item.starts_with("pub ") && !item.starts_with("pub fn") || item.starts_with(char::is_uppercase)
        })
        .filter(|pair| !core.contains(pair))
        .collect();
    assert!(strange.is_empty(), "said otherwise than in the core, or not at all: {strange:#?}");
}

/// What a section of a manifest is called.
fn name(section: &str) -> &str {
    section.split(']').next().unwrap()
}

#[test]
fn law_9_logs_go_through_our_target_and_nothing_is_printed_by_the_core() {
    only_in("core/src", &[], &["println!", "eprintln!", "dbg!"]);
    for source in sources("core/src") {
        for (_, call) in source.code.match_indices("tracing::").map(|(at, _)| (at, &source.code[at..])) {
            let macros = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];
            let Some(name) = macros.iter().find(|name| call["tracing::".len()..].starts_with(**name)) else { continue };
            let arguments = call["tracing::".len() + name.len()..].trim_start();
            assert!(arguments.starts_with("target: \"dunnock\""), "{}: a log line without our target", source.path);
        }
    }
}

#[test]
fn law_10_ratchet_state_lives_only_in_the_database() {
    only_in(
        "core/src",
        &["engine/omemo.rs", "engine/bundle.rs", "store/session.rs"],
        &["dunnock_omemo::Session", "Session::from_bytes"],
    );
}

#[test]
fn law_11_content_leaves_only_through_seal() {
    only_in("core/src", &["src/seal.rs"], &["Sealed("]);
    // The only door to the wire is a row of `outgoing`, and that row is made of a `Sealed`.
    let outgoing = fs::read_to_string(root().join("core/src/store/outgoing.rs")).unwrap();
    assert_eq!(outgoing.matches("INSERT INTO outgoing").count(), 1);
    assert!(outgoing.contains("sealed: &Sealed"));
    only_in("core/src", &["store/outgoing.rs"], &["INSERT INTO outgoing"]);
    // What may go in clear is what a row says that a person allowed.
    only_in("core/src", &[], &["by_person(true)"]);
}

#[test]
fn no_file_outgrows_a_few_screens_and_each_says_what_it_is() {
    for folder in ["core/omemo/src", "core/src", "bindings", "tests/src", "xtask/src"] {
        for source in sources(folder) {
            let text = fs::read_to_string(root().join(&source.path)).unwrap();
            assert!(
                text.lines().count() <= 500,
                "{} has {} lines: what second thing lives there?",
                source.path,
                text.lines().count()
            );
            assert!(text.starts_with("//!") || text.starts_with("#!"), "{} does not say what it is", source.path);
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_where_secrets_are() {
    for file in ["core/omemo/src/lib.rs", "core/src/lib.rs"] {
        assert!(fs::read_to_string(root().join(file)).unwrap().contains("#![forbid(unsafe_code)]"), "{file}");
    }
}
