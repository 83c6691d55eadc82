//! Finding what this machine lacks, and keeping private copies of it in one cache folder.
//!
//! Nothing here changes the system: what cannot be had as a private copy is named together with its remedy.

use crate::Result;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Prints one line about what is going on, in the voice of this program.
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// The top folder of the source tree.
pub(crate) fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the tree").to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => tree().join(folder),
        None => tree().join("target"),
    }
}

/// The folder of private copies: `$DUNNOCK_CACHE`, else `dunnock-xtask` in the user's cache folder.
pub(crate) fn cache() -> Result<PathBuf> {
    let chosen = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = chosen("DUNNOCK_CACHE")
        .or_else(|| chosen("XDG_CACHE_HOME").map(|folder| folder.join("dunnock-xtask")))
        .or_else(|| chosen("HOME").map(|folder| folder.join(".cache/dunnock-xtask")))
        .ok_or("no place for private copies: set DUNNOCK_CACHE to a folder")?;
    make_folder(&folder)?;
    folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))
}

/// A folder of the cache that is filled once and then only read.
///
/// `fill` gets the empty folder; the stamp `ready` is written after it succeeded, so a half-filled folder is never used.
/// Two runs at the same time wait for each other. `what` says on the screen what is being fetched.
pub(crate) fn private_copy(name: &str, what: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache()?;
    let folder = cache.join(name);
    let stamp = folder.join("ready");
    let lock = File::create(cache.join(format!("{name}.lock"))).map_err(|error| format!("{name}: {error}"))?;
    lock.lock().map_err(|error| format!("{name}: {error}"))?;
    if stamp.exists() {
        return Ok(folder);
    }
    say(&format!("fetching {what} into {}", folder.display()));
    let _ = fs::remove_dir_all(&folder);
    make_folder(&folder)?;
    fill(&folder).inspect_err(|_| {
        let _ = fs::remove_dir_all(&folder);
    })?;
    write(&stamp, "")?;
    Ok(folder)
}

/// Whether a program can be started by this name.
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Stops with the remedy when a program is missing that has no private copy.
pub(crate) fn demand_program(name: &str, why: &str, package: &str) -> Result<()> {
    if has_program(name) {
        return Ok(());
    }
    Err(format!("{name} is missing ({why}); as root: apt-get install {package}"))
}

/// Runs a command without showing its output, and hands back its standard output; a failure shows both streams.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("{name} does not start: {error}"))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&done.stderr);
    Err(format!("{name} failed ({}):\n{}\n{}", done.status, text.trim_end(), errors.trim_end()))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a whole text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a shell script that can be started.
pub(crate) fn write_script(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| format!("{}: {error}", path.display()))
}

/// The folders among `root/lib` and `root/usr/lib` that hold a file of this name, for any processor.
pub(crate) fn library_folders(root: &Path, file: &str) -> Vec<PathBuf> {
    let tops = [root.join("usr/lib"), root.join("lib"), root.join("lib64")];
    let below = tops.iter().filter_map(|top| fs::read_dir(top).ok()).flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = below.chain(tops.clone()).filter(|folder| folder.join(file).exists()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_found_and_nonsense_is_not() {
        assert!(has_program("sh"));
        assert!(!has_program("no-such-program-anywhere"));
        assert!(demand_program("no-such-program-anywhere", "why", "nothing").unwrap_err().contains("apt-get install"));
    }
}
