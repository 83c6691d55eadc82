//! The Swift half of the tests: the generated package and the app's models against the real library and a real Prosody,
//! its views by the compiler, its form by Apple's formatter, and the engine's Rust by the compiler for iPhones.

mod iphone;
mod root;
mod server;

use crate::Result;
use crate::cargo::Cargo;
use crate::needs::{make_folder, say, target};
use crate::table::Row;
use root::{Root, TARGET, TREE};
use server::Server;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Where SwiftPM builds, where it finds the library, and of which profile of cargo's that is; below the target folder.
struct Place {
    build: &'static str,
    library: &'static str,
    profile: &'static str,
}

const DEBUG: Place = Place { build: "swift/build", library: "swift/lib", profile: "debug" };
const RELEASE: Place = Place { build: "swift/build-release", library: "swift/lib-release", profile: "release" };

/// Every check of this half, or one line that says why this machine cannot run them.
pub(crate) fn rows(cargo: &Cargo) -> Vec<Row> {
    let start = Instant::now();
    let root = match Root::find() {
        Ok(root) => root,
        Err(problem) => {
            say(&problem);
            return vec![Row::skipped("swift", problem.lines().next().unwrap_or_default())];
        }
    };
    let mut tests = tests(cargo, &root);
    tests.time = start.elapsed();
    vec![tests, format(&root), iphone::row(&root)]
}

/// Builds everything in Swift, views and both targets of the app included, and runs its tests.
fn tests(cargo: &Cargo, root: &Root) -> Row {
    let name = "swift: contract, models, views";
    let mut counts = Counts::default();
    let outcome = build(cargo, root).and_then(|()| {
        let server = Server::start(cargo)?;
        // The second switches panics on for whatever call comes next: it is alone in its process.
        let all = [&["--skip", "PanicTests"][..], &["--filter", "PanicTests"]];
        all.iter().try_fold(true, |held, words| Ok(run(root, &server, words, &mut counts)? && held))
    });
    let held = outcome.unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        false
    });
    // A program that does not compile or crashes reports no failed test, and is a failure all the same; so is none at all.
    let held = held && counts.failed == 0 && counts.passed > 0;
    let failed = if held { 0 } else { counts.failed.max(1) };
    Row { passed: counts.passed, failed, ..Row::single(name, held, Default::default()) }
}

fn build(cargo: &Cargo, root: &Root) -> Result<()> {
    cargo.build_whole()?;
    build_on(root, &DEBUG, &["--build-tests"])
}

/// `swift build` on the library that cargo has just built.
fn build_on(root: &Root, place: &Place, words: &[&str]) -> Result<()> {
    let library = target().join(place.library);
    make_folder(&library)?;
    make_folder(&target().join("swift/home"))?;
    // A copy: a demonstration may build the same library with other features meanwhile.
    let from = target().join(place.profile).join("libdunnock_ffi.so");
    fs::copy(&from, library.join("libdunnock_ffi.so")).map_err(|error| format!("{}: {error}", from.display()))?;
    let status = swift(root, place, "build", words).status().map_err(|error| format!("swift: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("swift build failed ({status})")) }
}

/// Measures the border in a release build: the file with the numbers, in the target folder's `bench`; or nothing on a
/// machine that cannot have Swift.
pub(crate) fn border(cargo: &Cargo) -> Result<Option<PathBuf>> {
    const NUMBERS: &str = "bench/border-swift.txt";
    let root = match Root::find() {
        Ok(root) => root,
        Err(problem) => {
            say(&problem);
            return Ok(None);
        }
    };
    cargo.build(&["build", "--release", "-p", "dunnock-ffi", "--lib"])?;
    build_on(&root, &RELEASE, &["-c", "release", "--product", "BorderBench"])?;
    let numbers = target().join(NUMBERS);
    let _ = fs::remove_file(&numbers);
    let mut bench = root.command(&format!("{TARGET}/{}/release/BorderBench", RELEASE.build), &[]);
    bench.env("LD_LIBRARY_PATH", format!("{TARGET}/{}", RELEASE.library));
    bench.env("DUNNOCK_BORDER_SWIFT", format!("{TARGET}/{NUMBERS}"));
    let status = bench.status().map_err(|error| format!("the measurement in Swift does not start: {error}"))?;
    if status.success() { Ok(Some(numbers)) } else { Err(format!("the measurement in Swift failed ({status})")) }
}

/// `swift build` or `swift test` on the app's package, which brings the generated one with it.
fn swift(root: &Root, place: &Place, what: &str, words: &[&str]) -> Command {
    let (package, build) = (format!("{TREE}/ios"), format!("{TARGET}/{}", place.build));
    let library = format!("{TARGET}/{}", place.library);
    let mut all = vec![what, "--package-path", &package, "--scratch-path", &build, "--disable-automatic-resolution"];
    let search = format!("-L{library}");
    // Debian's Swift leaves symbols of its own libraries to each other.
    all.extend(["-Xlinker", &search, "-Xlinker", "--allow-shlib-undefined"]);
    all.extend(words);
    let mut command = root.command("/usr/libexec/swift/bin/swift", &all);
    command.env("LD_LIBRARY_PATH", library);
    command
}

/// One run of the built tests; shows what they print, and adds up what they report.
fn run(root: &Root, server: &Server, words: &[&str], counts: &mut Counts) -> Result<bool> {
    let mut command = swift(root, &DEBUG, "test", &["--skip-build"]);
    command.args(words).envs(server.environment()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("swift does not start: {error}"))?;
    let output = child.stdout.take().ok_or("the output of swift is out of reach")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| format!("the output of swift: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait().map_err(|error| format!("swift: {error}"))?;
    Ok(status.success())
}

fn format(root: &Root) -> Row {
    let start = Instant::now();
    let mut words = vec!["format", "lint", "--strict", "--recursive", "--parallel"];
    // Relative: this version of it cuts off the first letters of absolute paths.
    words.extend(["--configuration", "ios/.swift-format", "ios", "bindings/swift/Package.swift"]);
    let held = root.command("/usr/libexec/swift/bin/swift", &words).status().is_ok_and(|status| status.success());
    Row::single("swift format", held, start.elapsed())
}

/// What Swift's tests came to.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    /// Adds a line such as `✔ Test whatOneSays() passed after 0.1 seconds.`; suites, runs and other lines add nothing.
    fn add(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once(" Test ") else { return };
        if rest.starts_with("run with ") || rest.starts_with("case ") {
            return;
        }
        self.passed += usize::from(line.starts_with('✔') && rest.contains(" passed after "));
        self.failed += usize::from(line.starts_with('✘') && rest.contains(" failed after "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_and_their_summary_is_not() {
        let mut counts = Counts::default();
        counts.add("✔ Test talks() passed after 0.001 seconds.");
        counts.add("✘ Test cancels() recorded an issue at EndTests.swift:20:5: Expectation failed");
        counts.add("✘ Test cancels() failed after 0.2 seconds with 1 issue.");
        counts.add("✔ Suite EndTests passed after 1.0 seconds.");
        counts.add("✘ Test run with 2 tests failed after 0.2 seconds with 1 issue.");
        assert_eq!((counts.passed, counts.failed), (1, 1));
    }
}
