//! `cargo xtask bench`: measurements in a release build.

use crate::Result;
use crate::cargo::Cargo;
use crate::kotlin;
use crate::libomemo;
use crate::needs::{make_folder, output_of, target};
use crate::prosody::Prosody;
use crate::python;
use crate::swift;
use crate::tor;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Builds for release and runs the measurements whose name contains the given word, or all.
pub(crate) fn run(names: &[&str]) -> Result<ExitCode> {
    let cargo = Cargo::ready()?;
    let wants = |name: &str| names.first().is_none_or(|word| name.contains(word));
    // Before the others, because the last build of a program is the one that stays.
    let mut with_tor = if wants("tor") { tor_programs(&cargo)? } else { Vec::new() };
    let prosody = Prosody::thirteen()?;
    let python = python::with_peers()?;
    let mut words = vec!["build", "--release", "-p", "dunnock", "-p", "dunnock-tests", "-p", "dunnock-omemo"];
    words.extend(["--bin", "dunnock", "--bin", "bench", "--example", "rate"]);
    if wants("tor") {
        words.extend(["-p", "dunnock-ffi", "--lib"]);
    }
    cargo.build(&words)?;
    if wants("tor") {
        with_tor.push(("DUNNOCK_LIBRARY", stripped(&cargo, "libdunnock_ffi.so")?));
    }
    let mut rates = Vec::new();
    if wants("ratchet") {
        rates.push(("DUNNOCK_RATE", cargo.program("examples/rate", "release")));
        rates.push(("DUNNOCK_LIBOMEMO_RATE", libomemo::rate_program(&cargo)?));
    }
    let figures = target().join("bench");
    make_folder(&figures)?;
    // The half of each language that is bound to the core.
    let mut borders = Vec::new();
    if wants("border") {
        borders.push(("DUNNOCK_BORDER_KOTLIN", kotlin::border(&cargo, &figures)?));
        borders.extend(swift::border(&cargo)?.map(|numbers| ("DUNNOCK_BORDER_SWIFT", numbers)));
    }
    let mut bench = Command::new(cargo.program("bench", "release"));
    bench.args(names).envs(rates).envs(borders).envs(with_tor);
    bench.env("DUNNOCK_PROSODY", &prosody.folder).env("DUNNOCK_PYTHON", python);
    bench.env("DUNNOCK_BIN", cargo.program("dunnock", "release")).env("DUNNOCK_FIGURES", figures);
    // All of it takes longer than the limit that ends a test program that hangs.
    bench.env("DUNNOCK_MINUTES", "120");
    cargo.equip(&mut bench);
    let status = bench.status().map_err(|error| format!("the measurements do not start: {error}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the program and the library of the apps with Tor; the tests' names for them, and for the programs of a private Tor
/// network.
fn tor_programs(cargo: &Cargo) -> Result<Vec<(&'static str, PathBuf)>> {
    make_folder(&target().join("bench"))?;
    // Both at once, or all that they stand on would be compiled twice. The library is not shipped like that: it would take
    // another network from its environment. That makes no difference of size.
    cargo.build(&[
        "build",
        "--release",
        "-p",
        "dunnock",
        "-p",
        "dunnock-ffi",
        "--features",
        "dunnock/tor,dunnock-core/testnet",
    ])?;
    let program = keep(&cargo.program("dunnock", "release"), &target().join("bench/dunnock-tor"))?;
    Ok(vec![
        ("DUNNOCK_BIN_TOR", program),
        ("DUNNOCK_LIBRARY_TOR", stripped(cargo, "libdunnock_ffi-tor.so")?),
        ("DUNNOCK_TOR", tor::programs()?),
    ])
}

/// A copy of the library of the apps as it was built last, without its symbols.
fn stripped(cargo: &Cargo, name: &str) -> Result<PathBuf> {
    let kept = keep(&cargo.program("libdunnock_ffi.so", "release"), &target().join("bench").join(name))?;
    output_of(Command::new("strip").arg("--strip-unneeded").arg(&kept))?;
    Ok(kept)
}

/// Copies a file that a later build would replace.
fn keep(from: &Path, to: &Path) -> Result<PathBuf> {
    std::fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(to.to_path_buf())
}
