//! `cargo xtask demo`: gets what the demonstration needs, builds it, and becomes it.

use crate::Result;
use crate::cargo::Cargo;
use crate::needs::say;
use crate::prosody::Prosody;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Replaces this process by the demonstration, so that one process alone hears Ctrl-C and cleans up.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let cargo = Cargo::ready()?;
    let prosody = Prosody::thirteen()?;
    say("building (some minutes the first time)");
    cargo.build(&["build", "-p", "dunnock", "-p", "dunnock-tests", "--bin", "dunnock", "--bin", "demo"])?;
    let mut demo = Command::new(cargo.program("demo", "debug"));
    demo.args(words).env("DUNNOCK_PROSODY", &prosody.folder).env("DUNNOCK_BIN", cargo.program("dunnock", "debug"));
    cargo.equip(&mut demo);
    Err(format!("the demonstration does not start: {}", demo.exec()))
}
