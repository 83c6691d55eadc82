//! Starting cargo with what was found, and reading what its tests say.

use crate::Result;
use crate::needs::{target, tree};
use crate::openssl::OpenSsl;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The whole workspace with all that tests want of it. Every stage says these words, as cargo compiles a package anew for each
/// other set of features, and each choice of packages makes a set of its own.
const WHOLE: [&str; 3] = [
    "--workspace",
    "--features",
    "dunnock/tor,dunnock-ffi/tor,dunnock-ffi/test-panics,dunnock-core/testnet,dunnock-core/killpoints",
];

/// A cargo that can build the whole tree on this machine.
pub(crate) struct Cargo {
    environment: Vec<(&'static str, OsString)>,
    features: &'static [&'static str],
}

/// What a run of tests came to.
#[derive(Default)]
pub(crate) struct Counts {
    /// Tests that held.
    pub(crate) passed: usize,
    /// Tests that did not.
    pub(crate) failed: usize,
    /// Tests marked as ignored.
    pub(crate) ignored: usize,
}

impl Cargo {
    /// Finds what building needs.
    pub(crate) fn ready() -> Result<Cargo> {
        let openssl = OpenSsl::find()?;
        Ok(Cargo { environment: openssl.environment(), features: openssl.features() })
    }

    /// `cargo` with these words, in the top folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(tree()).args(words).stdin(Stdio::null());
        self.equip(&mut command);
        command
    }

    /// Like [`Cargo::command`], for words that compile: with the features this machine needs.
    pub(crate) fn compile(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        command.args(self.features);
        command
    }

    /// Like [`Cargo::compile`], for the whole workspace with all that tests want of it.
    pub(crate) fn whole(&self, words: &[&str]) -> Command {
        let mut command = self.compile(words);
        command.args(WHOLE);
        command
    }

    /// Builds every library, program and test of the workspace.
    pub(crate) fn build_whole(&self) -> Result<()> {
        let status = self.whole(&["build", "--all-targets"]).status();
        let status = status.map_err(|error| format!("cargo does not start: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("the workspace does not compile ({status})")) }
    }

    /// Gives a program that cargo built what it needs to run.
    pub(crate) fn equip(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// What that environment holds under this name.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_os_str())
    }

    /// Builds, showing cargo's own progress; `words` begin with `build`.
    pub(crate) fn build(&self, words: &[&str]) -> Result<()> {
        let status = self.compile(words).status().map_err(|error| format!("cargo does not start: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("cargo {} failed ({status})", words.join(" "))) }
    }

    /// Where a program lies once it was built.
    pub(crate) fn program(&self, name: &str, profile: &str) -> PathBuf {
        target().join(profile).join(name)
    }
}

/// Cargo's own folder, with the packages that it fetched.
pub(crate) fn home() -> PathBuf {
    let chosen = std::env::var_os("CARGO_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    chosen.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"))
}

/// Runs `cargo test …`, shows what it prints, and adds up what its test programs report.
pub(crate) fn run_tests(mut command: Command, extra: &[(&str, &OsStr)]) -> Result<(bool, Counts)> {
    command.envs(extra.iter().copied()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cargo does not start: {error}"))?;
    let mut counts = Counts::default();
    let output = child.stdout.take().ok_or("cargo's output is out of reach")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| format!("cargo's output: {error}"))?;
        let line = String::from_utf8_lossy(&line).into_owned();
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    Ok((status.success(), counts))
}

impl Counts {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; other lines add nothing.
    fn add(&mut self, line: &str) {
        let Some((_, summary)) = line.split_once("test result: ") else { return };
        let count = |word: &str| {
            let part = summary.split([';', '.']).find(|part| part.trim().ends_with(word))?;
            part.split_whitespace().next()?.parse::<usize>().ok()
        };
        self.passed += count("passed").unwrap_or(0);
        self.failed += count("failed").unwrap_or(0);
        self.ignored += count("ignored").unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_add_up() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        counts
            .add("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.01s");
        counts.add("test story::late_receipt ... ok");
        assert_eq!((counts.passed, counts.failed, counts.ignored), (13, 2, 1));
    }
}
