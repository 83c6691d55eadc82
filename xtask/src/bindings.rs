//! `cargo xtask bindings`: the sources for Kotlin and Swift, written from the built library. They are committed, so that an
//! app can be built without this step; `--check` (also a stage of the tests) tells whether they are what would be written.

use crate::Result;
use crate::cargo::Cargo;
use crate::needs::{make_folder, read, target, tree, write};
use crate::table::Row;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What the generator writes, by its language, and where it belongs in the tree.
const SOURCES: [(&str, &str, &str); 4] = [
    ("kotlin", "chat/dunnock/core/dunnock.kt", "bindings/kotlin/src/main/kotlin/chat/dunnock/core/dunnock.kt"),
    ("swift", "DunnockCore.swift", "bindings/swift/Sources/DunnockCore/DunnockCore.swift"),
    ("swift", "DunnockCoreFFI.h", "bindings/swift/Sources/DunnockCoreFFI/DunnockCoreFFI.h"),
    ("swift", "DunnockCoreFFI.modulemap", "bindings/swift/Sources/DunnockCoreFFI/module.modulemap"),
];

/// Writes them, or with `--check` only tells which differ.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let check = match words {
        [] => false,
        ["--check"] => true,
        _ => return Err("bindings knows --check only".to_owned()),
    };
    let stale = stale(&Cargo::ready()?)?;
    for (path, text) in &stale {
        println!("{} {}", if check { "differs:" } else { "written:" }, path.display());
        if !check {
            make_folder(path.parent().unwrap_or(path))?;
            write(path, text)?;
        }
    }
    Ok(if check && !stale.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The stage of the tests: whether the committed sources are what would be written.
pub(crate) fn row(cargo: &Cargo, name: &str) -> Row {
    let start = Instant::now();
    let stale = stale(cargo);
    let held = stale.as_ref().is_ok_and(Vec::is_empty);
    let notes = match stale {
        Ok(stale) => {
            stale.iter().map(|(path, _)| format!("{} differs: cargo xtask bindings", path.display())).collect()
        }
        Err(problem) => vec![problem],
    };
    Row { notes, ..Row::single(name, held, start.elapsed()) }
}

/// Builds the library and generates; answers what is not in the tree like that.
pub(crate) fn stale(cargo: &Cargo) -> Result<Vec<(PathBuf, String)>> {
    // In debug: a stripped library does not tell its interface. With the features of the tests, which UniFFI does not see.
    cargo.build_whole()?;
    let library = target().join("debug/libdunnock_ffi.so");
    let out = target().join("bindings");
    for language in ["kotlin", "swift"] {
        generate(cargo, &library, language, &out)?;
    }
    let mut stale = Vec::new();
    for (language, from, to) in SOURCES {
        let text = read(&out.join(language).join(from))?;
        // The generator leaves spaces at ends of lines, which nobody wants to commit.
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let (text, path) = (format!("{}\n", lines.join("\n").trim_end()), tree().join(to));
        if read(&path).ok().as_ref() != Some(&text) {
            stale.push((path, text));
        }
    }
    Ok(stale)
}

fn generate(cargo: &Cargo, library: &Path, language: &str, out: &Path) -> Result<()> {
    let out = out.join(language);
    make_folder(&out)?;
    let mut command = std::process::Command::new(cargo.program("dunnock-bindgen", "debug"));
    // It asks cargo where the library's uniffi.toml lies.
    command.current_dir(tree()).arg("generate").arg(library).args(["--language", language, "--no-format", "--out-dir"]);
    command.arg(&out);
    cargo.equip(&mut command);
    let status = command.status().map_err(|error| format!("the generator does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the generator of {language} failed ({status})")) }
}
