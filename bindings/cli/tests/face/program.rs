//! The program as a script sees it: exit status, the one line, and what is left untouched.

use crate::support::{Scratch, kind};
use std::process::Output;

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_wrong_command_line_is_status_two() {
    let scratch = Scratch::new();
    for wrong in [&["frobnicate"][..], &["send", "romeo@b"], &["history", "romeo@b", "--limit", "many"], &[]] {
        let output = scratch.run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty());
    }
    let json = scratch.run(&["--json", "send", "romeo@b"]);
    assert_eq!((json.status.code(), kind(&json).as_str()), (Some(2), "invalid_input"));
}

#[test]
fn every_command_has_help_and_help_is_no_failure() {
    let scratch = Scratch::new();
    for command in [
        "login",
        "register",
        "accounts",
        "forget",
        "send",
        "chats",
        "history",
        "search",
        "listen",
        "contacts",
        "allow-plain",
        "devices",
        "trust",
        "distrust",
        "room",
        "export",
        "rpc",
    ] {
        let output = scratch.run(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(output.stderr.is_empty() && output.stdout.len() > 200, "{command}");
    }
}

#[test]
fn what_this_version_leaves_out_says_so_and_touches_nothing() {
    let scratch = Scratch::new();
    let output = scratch.run(&["--json", "send", "romeo@b", "--file", "picture.png"]);
    assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "not_yet"));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_route_that_is_not_understood_is_refused_and_never_left_out() {
    let scratch = Scratch::new();
    for route in ["Tor", "", "socks5://127.0.0.1", "socks5://me:pw@127.0.0.1:9050", "http://127.0.0.1:80"] {
        for command in ["login", "register"] {
            let output = scratch.run(&["--json", command, "j@a.example", "--route", route]);
            assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "invalid_input"), "{route}");
        }
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn without_an_account_nothing_is_made() {
    let scratch = Scratch::new();
    for command in [&["chats"][..], &["send", "romeo@b", "hi"], &["listen"], &["forget", "j@a"], &["export", "x"]] {
        let output = scratch.run(&[&["--json"], command].concat());
        assert_eq!((output.status.code(), kind(&output).as_str()), (Some(1), "no_account"), "{command:?}");
    }
    let list = scratch.run(&["accounts"]);
    assert!(list.status.success() && list.stdout.is_empty() && list.stderr.is_empty());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn the_line_for_people_is_one_line_whatever_was_typed() {
    let scratch = Scratch::new();
    let output = scratch.run(&["login", "j@a.example", "--ca", "no\n\u{1b}[2Jfile\u{202e}"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text.lines().count(), 1);
    assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
}
