//! `cargo xtask xcframework`: the engine for iPhones and their simulator, where the Swift package looks for it. On a Mac
//! only; this was never run by the tests (docs/not-run-here.md).

use crate::Result;
use crate::needs::{make_folder, output_of, say, target, tree};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Devices, and the two processors that the simulator runs on.
const DEVICE: &str = "aarch64-apple-ios";
const SIMULATORS: [&str; 2] = ["aarch64-apple-ios-sim", "x86_64-apple-ios"];

/// Builds the three libraries and joins them.
pub(crate) fn run() -> Result<ExitCode> {
    if !cfg!(target_os = "macos") {
        return Err("an xcframework is made on a Mac, with Xcode; see docs/not-run-here.md".to_owned());
    }
    let device = library(DEVICE)?;
    let simulators = SIMULATORS.map(library);
    let [first, second] = simulators;
    let folder = target().join("xcframework");
    make_folder(&folder)?;
    let both = folder.join("libdunnock_ffi.a");
    output_of(Command::new("lipo").arg("-create").args([first?, second?]).arg("-output").arg(&both))?;
    let out = tree().join("bindings/swift/DunnockCoreFFI.xcframework");
    let _ = std::fs::remove_dir_all(&out);
    let headers = tree().join("bindings/swift/Sources/DunnockCoreFFI");
    let mut join = Command::new("xcodebuild");
    join.arg("-create-xcframework");
    for library in [device.as_path(), &both] {
        join.arg("-library").arg(library).arg("-headers").arg(&headers);
    }
    output_of(join.arg("-output").arg(&out))?;
    say(&format!("made {}", Path::display(&out)));
    Ok(ExitCode::SUCCESS)
}

/// The static library for one of Apple's targets, with Tor inside.
fn library(triple: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["build", "--release", "-p", "dunnock-ffi", "--lib", "--features", "tor,dunnock-core/vendored-openssl"];
    let mut build = Command::new(cargo);
    build.current_dir(tree()).args(words).args(["--target", triple]);
    let status = build.status().map_err(|error| format!("cargo does not start: {error}"))?;
    if !status.success() {
        return Err(format!("the engine cannot be built for {triple} (rustup target add {triple})"));
    }
    Ok(target().join(triple).join("release/libdunnock_ffi.a"))
}
