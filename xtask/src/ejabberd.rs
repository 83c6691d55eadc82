//! A private copy of the server ejabberd, as this machine's own release has it, with the Erlang that it runs on.
//!
//! Erlang starts helpers of its own, so the copy uses the system's loader and C library, which are of the same release;
//! every other library comes with it.

use crate::Result;
use crate::debs::Suite;
use crate::needs::{library_folders, output_of, private_copy, read, write, write_script};
use std::path::{Path, PathBuf};
use std::process::Command;

/// An ejabberd that can be started: the folder holds the script `ejabberd`, which is Erlang that finds it, a file
/// `version`, and the tables of its SQLite form as `lite.sql`.
pub(crate) struct Ejabberd {
    /// Handed to the tests as `DUNNOCK_EJABBERD`.
    pub(crate) folder: PathBuf,
    /// `24.12` for example.
    pub(crate) version: String,
}

impl Ejabberd {
    /// The ejabberd that this machine's own release ships.
    pub(crate) fn of_the_distribution() -> Result<Ejabberd> {
        let what = "this release's own ejabberd (a private copy with Erlang, 35 MB)";
        let folder = private_copy("ejabberd-own-1", what, |folder| {
            let suite = Suite::own()?;
            let root = folder.join("root");
            let all = suite.closure(&["ejabberd", "erlang-p1-sqlite3"])?;
            let wanted: Vec<String> = all.into_iter().filter(|name| is_used(name)).collect();
            suite.unpack(&wanted, &root)?;
            write_starter(folder, &root)?;
            let version = version_of(folder)?;
            write(&folder.join("version"), &format!("{version}\n"))
        })?;
        let version = read(&folder.join("version"))?.trim().to_owned();
        Ok(Ejabberd { folder, version })
    }
}

/// Erlang, ejabberd and the libraries they load; the C library must be the one of the system's loader.
fn is_used(package: &str) -> bool {
    let used = [
        "ejabberd",
        "erlang-",
        "libexpat",
        "libgcc-s",
        "libncurses",
        "libsqlite3",
        "libssl",
        "libstdc++",
        "libtinfo",
        "libyaml",
        "zlib1g",
    ];
    used.iter().any(|start| package.starts_with(start))
}

/// Writes the script that starts Erlang with all its paths inside the copy.
fn write_starter(folder: &Path, root: &Path) -> Result<()> {
    let erlang = root.join("usr/lib/erlang");
    let runtime = named(&erlang, "erts-").ok_or("the copy holds no Erlang runtime")?;
    let mut libraries: Vec<PathBuf> = ["libcrypto.so.3", "libexpat.so.1", "libtinfo.so.6", "libz.so.1"]
        .iter()
        .flat_map(|file| library_folders(root, file))
        .collect();
    libraries.sort();
    libraries.dedup();
    let ejabberd = libraries.iter().find_map(|folder| named(folder, "ejabberd-"));
    let tables = ejabberd.ok_or("the copy holds no ejabberd")?.join("priv/sql/lite.sql");
    write(&folder.join("lite.sql"), &read(&tables)?)?;
    let join = libraries.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
    write_script(
        &folder.join("ejabberd"),
        &format!(
            "#!/bin/sh\n# Made by cargo xtask: a private Erlang with ejabberd that touches nothing outside this folder.\n\
             export ROOTDIR='{}' BINDIR='{}/bin' EMU=beam PROGNAME=erl\n\
             export ERL_LIBS='{join}' LD_LIBRARY_PATH='{join}'\n\
             exec \"$BINDIR/erlexec\" -noinput \"$@\"\n",
            erlang.display(),
            runtime.display(),
        ),
    )
}

/// The last entry of a folder whose name begins like this.
fn named(folder: &Path, start: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))).max()
}

/// Asks the copy for its version, which also proves that Erlang starts and finds the libraries of its parts.
fn version_of(folder: &Path) -> Result<String> {
    let question = "{ok, _} = application:ensure_all_started(crypto), \
         [{module, _} = code:ensure_loaded(M) || M <- [fast_tls, fast_yaml, fxml_stream, stringprep]], \
         application:load(ejabberd), {ok, V} = application:get_key(ejabberd, vsn), io:format(\"~s~n\", [V]), halt(0).";
    let mut command = Command::new(folder.join("ejabberd"));
    command.args(["-eval", question]).env("HOME", folder).env("ERL_CRASH_DUMP_BYTES", "0");
    let version = output_of(&mut command)?;
    // Debian's own revision is of no interest.
    let version = version.trim().split(['-', '~', '+']).next().unwrap_or_default();
    if version.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(version.to_owned());
    }
    Err(format!("the private ejabberd does not tell its version: {version:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_and_the_system_stay_out() {
        assert!(is_used("erlang-base") && is_used("libssl3t64") && is_used("erlang-p1-tls") && is_used("zlib1g"));
        assert!(!is_used("libc6") && !is_used("adduser") && !is_used("procps") && !is_used("openssl"));
    }
}
