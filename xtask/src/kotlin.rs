//! The Kotlin side: Maven over the reactor in the tree's `pom.xml`, with the library and the servers that its tests need.

use crate::Result;
use crate::cargo::Cargo;
use crate::java::Java;
use crate::needs::{cache, make_folder, read, target, tree};
use crate::prosody::Prosody;
use crate::python;
use crate::table::{Fate, Row};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A Maven that can build the reactor, with its repository among the private copies.
pub(crate) struct Maven {
    java: Java,
    repository: PathBuf,
    /// Two runs at a time would write over each other's repository and classes.
    _alone: File,
}

impl Maven {
    /// Finds Maven and a JDK, and waits until no other run uses the repository. The error is a sentence with the remedy.
    pub(crate) fn find() -> Result<Maven> {
        let java = Java::find()?;
        let folder = cache()?.join("maven");
        make_folder(&folder)?;
        let lock = folder.join("lock");
        let alone = File::create(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
        alone.lock().map_err(|error| format!("{}: {error}", lock.display()))?;
        Ok(Maven { java, repository: folder.join("repository"), _alone: alone })
    }

    /// `mvn` with these words, in the top folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.java.maven();
        command.current_dir(tree()).args(["-B", "-ntp", "-q"]).stdin(Stdio::null());
        command.arg(format!("-Dmaven.repo.local={}", self.repository.display()));
        // A compiler that stays behind is a process that nobody ends.
        command.arg("-Dkotlin.compiler.daemon=false");
        command.arg(format!("-Dcargo.target.dir={}", target().join("debug").display()));
        command.args(words);
        command
    }
}

/// The stage of the tests: bindings, view models, screens, stories.
pub(crate) fn rows(cargo: &Cargo, name: &str) -> Vec<Row> {
    let start = Instant::now();
    let maven = match Maven::find() {
        Ok(maven) => maven,
        Err(problem) => return vec![Row::skipped(name, &problem)],
    };
    match run(cargo, &maven) {
        Ok((held, counts)) => {
            let failed = if held { counts.failed } else { counts.failed.max(1) };
            let fate = if held && counts.passed > 0 { Fate::Passed } else { Fate::Failed };
            let Counts { passed, skipped, .. } = counts;
            vec![Row { fate, passed, failed, skipped, ..Row::single(name, held, start.elapsed()) }]
        }
        Err(problem) => vec![Row { notes: vec![problem], ..Row::single(name, false, start.elapsed()) }],
    }
}

fn run(cargo: &Cargo, maven: &Maven) -> Result<(bool, Counts)> {
    cargo.build_whole()?;
    // Classes of sources that are gone would stay, and so would reports of tests that are gone.
    let mut command = maven.command(&["clean", "test", "--fail-at-end"]);
    command.env("DUNNOCK_PROSODY", Prosody::thirteen()?.folder).env("DUNNOCK_PYTHON", python::with_peers()?);
    cargo.equip(&mut command);
    let status = command.status().map_err(|error| format!("mvn does not start: {error}"))?;
    let mut counts = Counts::default();
    for module in modules()? {
        counts.add_reports(&tree().join(module).join("target/surefire-reports"));
    }
    println!("kotlin: {} tests passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    Ok((status.success(), counts))
}

/// Measures the border in a release build and hands back the file with the numbers, in `folder`.
pub(crate) fn border(cargo: &Cargo, folder: &Path) -> Result<PathBuf> {
    cargo.build(&["build", "--release", "-p", "dunnock-ffi", "--lib"])?;
    let numbers = folder.join("border-kotlin.txt");
    let _ = std::fs::remove_file(&numbers);
    let mut command = Maven::find()?.command(&["-pl", "bindings/kotlin", "test", "-Dtest=BorderBench"]);
    // Later words win: the library of the other profile.
    command.arg(format!("-Dcargo.target.dir={}", target().join("release").display()));
    command.env("DUNNOCK_BORDER", &numbers);
    let status = command.status().map_err(|error| format!("mvn does not start: {error}"))?;
    if status.success() { Ok(numbers) } else { Err(format!("the measurement in Kotlin failed ({status})")) }
}

/// The folders that the reactor names.
fn modules() -> Result<Vec<String>> {
    let pom = read(&tree().join("pom.xml"))?;
    let named = pom.split("<module>").skip(1).filter_map(|rest| rest.split("</module>").next());
    Ok(named.map(str::to_owned).collect())
}

/// What the reports of a module add up to.
#[derive(Default, Debug, PartialEq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn add_reports(&mut self, folder: &Path) {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for file in files.filter(|path| path.extension().is_some_and(|end| end == "txt")) {
            read(&file).unwrap_or_default().lines().for_each(|line| self.add(line));
        }
    }

    /// Adds a line such as `Tests run: 7, Failures: 1, Errors: 0, Skipped: 2, Time elapsed: …`; other lines add nothing.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("Tests run: ") else { return };
        let numbers: Vec<usize> =
            rest.split(", ").take(4).filter_map(|part| part.rsplit(": ").next()?.trim().parse().ok()).collect();
        let [run, failures, errors, skipped] = numbers[..] else { return };
        self.passed += run.saturating_sub(failures + errors + skipped);
        self.failed += failures + errors;
        self.skipped += skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_add_up() {
        let mut counts = Counts::default();
        counts.add("Tests run: 7, Failures: 1, Errors: 1, Skipped: 2, Time elapsed: 0.8 s <<< FAILURE! -- in a.b.C");
        counts.add("Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in a.b.D");
        counts.add("Test set: a.b.D");
        assert_eq!(counts, Counts { passed: 5, failed: 2, skipped: 2 });
    }

    #[test]
    fn the_reactor_names_its_modules() {
        assert!(modules().unwrap().contains(&"android/presentation".to_owned()));
    }
}
