//! The engine's Rust checked for `aarch64-apple-ios` without anything of Apple's: Debian's compiler in the same root, the
//! standard library checked from its source, and stand-ins for the C compiler, whose objects nobody links.

use super::root::{REGISTRY, Root, TARGET};
use crate::Result;
use crate::cargo;
use crate::needs::{make_folder, output_of, target, tree, write_script};
use crate::table::Row;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Makes an empty object of whatever it is asked for.
const COMPILER: &str = "\
#!/bin/sh
# Made by cargo xtask: stands in for Apple's C compiler, whose objects a check does not read.
for word in \"$@\"; do
  [ \"${before:-}\" = -o ] && : > \"$word\"
  before=$word
done
";

/// The whole check as a row.
pub(super) fn row(root: &Root) -> Row {
    const NAME: &str = "Rust for aarch64-apple-ios";
    let start = Instant::now();
    let held = check(root).unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        false
    });
    Row::single(NAME, held, start.elapsed())
}

fn check(root: &Root) -> Result<bool> {
    let folder = target().join("iphone");
    for name in ["home", "cargo", "sdk", "tools"] {
        make_folder(&folder.join(name))?;
    }
    write_script(&folder.join("tools/cc"), COMPILER)?;
    write_script(&folder.join("tools/ar"), COMPILER)?;
    fetch(&root.outside("/usr/src").join(source_folder(root)?).join("library/Cargo.toml"))?;
    share(&folder.join("cargo"))?;
    let inside = |name: &str| format!("{TARGET}/iphone/{name}");
    let words = ["check", "--quiet", "--offline", "--locked", "-Zbuild-std=std,panic_abort", "-p", "dunnock-ffi"];
    let mut command = root.command("/usr/bin/cargo", &words);
    command.args(["--target", "aarch64-apple-ios", "--config", "profile.dev.package.\"*\".opt-level=0"]);
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_HOME", inside("cargo")).env("CARGO_TARGET_DIR", inside("build"));
    command.env("CC_aarch64_apple_ios", inside("tools/cc")).env("AR_aarch64_apple_ios", inside("tools/ar"));
    command.env("SDKROOT", inside("sdk")).env("CARGO_TERM_COLOR", "never");
    let status = command.status().map_err(|error| format!("the check for iPhones does not start: {error}"))?;
    Ok(status.success())
}

/// Gets every package, those of the standard library too, where cargo inside finds them: it has no network.
fn fetch(library: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for manifest in [&tree().join("Cargo.toml"), library] {
        let mut command = Command::new(&cargo);
        command.args(["fetch", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
        // The standard library's own manifest uses what is not for everybody.
        output_of(command.env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}

/// Gives the cargo inside a folder of its own with the packages of the one outside, and where it has them from.
fn share(folder: &Path) -> Result<()> {
    let registry = folder.join("registry");
    let _ = std::fs::remove_file(&registry);
    symlink(REGISTRY, &registry).map_err(|error| format!("{}: {error}", registry.display()))?;
    // Packages of another source than crates.io's lie in folders of another name.
    let _ = std::fs::copy(cargo::home().join("config.toml"), folder.join("config.toml"));
    Ok(())
}

/// The name of the folder with the compiler's source.
fn source_folder(root: &Root) -> Result<String> {
    let folder = root.outside("/usr/src");
    let names = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = names.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .into_iter()
        .find(|name| name.starts_with("rustc-"))
        .ok_or_else(|| "the copy holds no source of Rust".to_owned())
}
