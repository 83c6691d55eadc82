//! Licences, banned crates, sources and known holes of all dependencies, by cargo-deny.

use crate::Result;
use crate::cargo::Cargo;
use crate::needs::{output_of, private_copy};
use crate::table::{Fate, Row};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

const VERSION: &str = "0.20.2";

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

/// cargo-deny at the version this tree is checked with, compiled into the cache.
fn program(cargo: &Cargo) -> Result<PathBuf> {
    let name = format!("cargo-deny-{VERSION}");
    let folder = private_copy(&name, "and compiling cargo-deny (some minutes, once)", |folder| {
        let mut install = cargo.command(&["install", "--quiet", "--locked", "--version", VERSION, "--root"]);
        // Its own target folder: compiled once, it need not stay.
        let built = folder.join("built");
        install.arg(folder).arg("--target-dir").arg(&built).arg("cargo-deny");
        install.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        output_of(&mut install)?;
        let _ = std::fs::remove_dir_all(built);
        Ok(())
    })?;
    Ok(folder.join("bin/cargo-deny"))
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
