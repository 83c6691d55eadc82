//! `cargo xtask bench`: measurements in a release build.

use crate::Result;
use crate::cargo::Cargo;
use crate::libomemo;
use crate::needs::{make_folder, target};
use crate::prosody::Prosody;
use crate::python;
use std::process::{Command, ExitCode};

/// Builds for release and runs the measurements whose name contains the given word, or all.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let cargo = Cargo::ready()?;
    let prosody = Prosody::thirteen()?;
    let python = python::with_peers()?;
    cargo.build(&[
        "build",
        "--release",
        "-p",
        "dunnock",
        "-p",
        "dunnock-tests",
        "--bin",
        "dunnock",
        "--bin",
        "bench",
        "-p",
        "dunnock-omemo",
        "--example",
        "rate",
    ])?;
    let wants = |name: &str| words.first().is_none_or(|word| name.contains(word));
    let mut rates = Vec::new();
    if wants("ratchet") {
        rates.push(("DUNNOCK_RATE", cargo.program("examples/rate", "release")));
        rates.push(("DUNNOCK_LIBOMEMO_RATE", libomemo::rate_program(&cargo)?));
    }
    let figures = target().join("bench");
    make_folder(&figures)?;
    let mut bench = Command::new(cargo.program("bench", "release"));
    bench.args(words).envs(rates);
    bench.env("DUNNOCK_PROSODY", &prosody.folder).env("DUNNOCK_PYTHON", python);
    bench.env("DUNNOCK_BIN", cargo.program("dunnock", "release")).env("DUNNOCK_FIGURES", figures);
    // All of it takes longer than the limit that ends a test program that hangs.
    bench.env("DUNNOCK_MINUTES", "120");
    cargo.equip(&mut bench);
    let status = bench.status().map_err(|error| format!("the measurements do not start: {error}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
