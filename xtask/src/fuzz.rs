//! `cargo xtask fuzz SECONDS`: the fuzz targets of the OMEMO crate and of the core with libFuzzer, one after the other.
//!
//! The compiler of this tree has no sanitizers, but it counts coverage, which is what the fuzzer steers by; both crates
//! have no unsafe code for a sanitizer to look into. What is found new goes to `target/fuzz`, never into the tree:
//! the committed corpus grows by hand, minimised.

use crate::Result;
use crate::cargo::Cargo;
use crate::needs::{has_program, make_folder, output_of, private_copy, say, target, tree};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const VERSION: &str = "0.13.2";
const USAGE: &str = "usage: cargo xtask fuzz SECONDS [TARGET], the time shared by all targets; or cargo xtask fuzz \
                     --minimise, which writes the corpus anew from what was found";

/// What the words after `fuzz` ask for.
enum Wish {
    /// So many seconds in all, for the targets whose name contains the word.
    Run(u64, String),
    /// The smallest set of inputs that covers all that was ever covered becomes the corpus.
    Minimise,
}

/// Builds the targets and runs each for its share of the time.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let wish = match words {
        ["--minimise"] => Wish::Minimise,
        [seconds, rest @ ..] if rest.len() < 2 => {
            let seconds = seconds.parse().map_err(|_| USAGE.to_owned())?;
            Wish::Run(seconds, rest.first().copied().unwrap_or_default().to_owned())
        }
        _ => return Err(USAGE.to_owned()),
    };
    // libFuzzer is a C++ library.
    if !["c++", "g++", "clang++"].into_iter().any(has_program) {
        return Err(
            "a C++ compiler is missing, which libFuzzer is built with; as root: apt-get install g++. The corpus \
                    alone is played without one by: cargo test corpus"
                .to_owned(),
        );
    }
    let cargo = Cargo::ready()?;
    let all = ["core/omemo/fuzz", "core/fuzz"]
        .map(|folder| Fuzz { folder: tree().join(folder), work: target().join("fuzz") });
    match wish {
        Wish::Run(seconds, word) => run_all(&all, &cargo, seconds, &word),
        Wish::Minimise => {
            seeds(&cargo)?;
            for fuzz in &all {
                fuzz.build(&cargo)?;
                fuzz.minimise()?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Builds and runs the targets whose name contains the word, each for its share of the time.
fn run_all(all: &[Fuzz], cargo: &Cargo, seconds: u64, word: &str) -> Result<ExitCode> {
    let mut wanted = Vec::new();
    for fuzz in all {
        let names: Vec<String> = fuzz.targets()?.into_iter().filter(|name| name.contains(word)).collect();
        if !names.is_empty() {
            fuzz.build(cargo)?;
        }
        wanted.extend(names.into_iter().map(|name| (fuzz, name)));
    }
    seeds(cargo)?;
    let share = seconds.checked_div(wanted.len() as u64).ok_or_else(|| format!("no target is called {word:?}"))?;
    let mut lines = Vec::new();
    let mut failed = false;
    for (fuzz, name) in &wanted {
        say(&format!("── {name}, {} s", share.max(1)));
        let (line, held) = fuzz.one(name, share.max(1))?;
        lines.push(format!("{name:<10} {line}"));
        failed |= !held;
    }
    println!("\n{}", lines.join("\n"));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where what the targets of the OMEMO crate begin with is written.
fn seed_folder() -> PathBuf {
    target().join("fuzz/seeds")
}

/// Writes it: real messages and keys, which no fuzzer would find by itself.
fn seeds(cargo: &Cargo) -> Result<()> {
    let _ = std::fs::remove_dir_all(seed_folder());
    let mut write = cargo.command(&["run", "--quiet", "-p", "dunnock-omemo", "--example", "fuzz_seeds", "--"]);
    output_of(write.arg(seed_folder())).map(drop)
}

/// Where the targets lie, and where their work goes.
struct Fuzz {
    folder: PathBuf,
    work: PathBuf,
}

impl Fuzz {
    /// Compiles the targets with counters.
    fn build(&self, cargo: &Cargo) -> Result<()> {
        let program = program(cargo)?.join("bin/cargo-fuzz");
        let mut build = Command::new(program);
        build.current_dir(tree()).args(["fuzz", "build", "--sanitizer", "none", "--fuzz-dir"]).arg(&self.folder);
        build.arg("--target-dir").arg(self.work.join("built")).env("CARGO", cargo.command(&[]).get_program());
        let status = build.status().map_err(|error| format!("cargo-fuzz does not start: {error}"))?;
        if !status.success() {
            return Err(format!("the fuzz targets do not compile ({status})"));
        }
        Ok(())
    }

    /// The names of the targets, which are those of the files.
    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.folder.join("fuzz_targets");
        let files = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let name = |file: std::fs::DirEntry| Some(file.path().file_stem()?.to_str()?.to_owned());
        let mut names: Vec<String> = files.flatten().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// One target for so many seconds: what to say of it, and whether it held.
    fn one(&self, name: &str, seconds: u64) -> Result<(String, bool)> {
        let found = self.work.join("found").join(name);
        let broken = self.work.join("broken");
        make_folder(&found)?;
        make_folder(&broken)?;
        let prefix = broken.join(format!("{name}-"));
        let mut fuzz = Command::new(self.program(name)?);
        fuzz.arg(&found).arg(self.folder.join("corpus").join(name));
        fuzz.args(Some(seed_folder().join(name)).filter(|folder| folder.exists()));
        fuzz.arg(format!("-artifact_prefix={}", prefix.display())).arg(format!("-max_total_time={seconds}"));
        fuzz.args(["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1", "-verbosity=1"]);
        let done = fuzz.output().map_err(|error| format!("{name} does not start: {error}"))?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if !done.status.success() {
            eprintln!("{said}");
            return Ok((format!("BROKEN, the input lies at {}…", prefix.display()), false));
        }
        let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let coverage = said.lines().rev().find_map(|line| line.split("cov: ").nth(1)?.split_whitespace().next());
        let (runs, coverage) = (runs.unwrap_or("?").trim(), coverage.unwrap_or("?"));
        Ok((format!("{runs:>9} inputs, {coverage:>5} places covered, none broke it"), true))
    }

    /// libFuzzer's own merge, with what was found beside the corpus.
    fn minimise(&self) -> Result<()> {
        for name in self.targets()? {
            let corpus = self.folder.join("corpus").join(&name);
            let fresh = self.work.join("minimised").join(&name);
            let _ = std::fs::remove_dir_all(&fresh);
            make_folder(&fresh)?;
            let mut merge = Command::new(self.program(&name)?);
            merge.args(["-set_cover_merge=1", "-max_len=1024", "-timeout=10"]).arg(&fresh);
            let sources = [seed_folder().join(&name), corpus.clone(), self.work.join("found").join(&name)];
            output_of(merge.args(sources.iter().filter(|folder| folder.exists())))?;
            let _ = std::fs::remove_dir_all(&corpus);
            make_folder(&corpus)?;
            let count = copy_all(&fresh, &corpus)?;
            println!("{name:<10} {count} inputs");
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Result<PathBuf> {
        let host = output_of(Command::new("rustc").arg("-vV"))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
        Ok(self.work.join("built").join(host).join("release").join(name))
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<usize> {
    let files = std::fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))?;
    let mut count = 0;
    for file in files.flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).map_err(|error| format!("{}: {error}", to.display()))?;
        count += 1;
    }
    Ok(count)
}

/// cargo-fuzz in the cache.
fn program(cargo: &Cargo) -> Result<PathBuf> {
    private_copy(&format!("cargo-fuzz-{VERSION}"), "cargo-fuzz (from crates.io, compiled once)", |folder| {
        let mut install = cargo.command(&["install", "--quiet", "--locked", "--version", VERSION, "--root"]);
        let built = folder.join("built");
        install.arg(folder).arg("--force").arg("--target-dir").arg(&built).arg("cargo-fuzz");
        install.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        output_of(&mut install)?;
        let _ = std::fs::remove_dir_all(built);
        Ok(())
    })
}
