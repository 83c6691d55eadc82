//! Private copies of what a private Tor network needs: `tor`, `tor-gencert`, and `nft`, which counts the packets that it must
//! not see. They run with the loader and the libraries that were packaged with them.

use crate::Result;
use crate::debs::Suite;
use crate::needs::{library_folders, output_of, private_copy, write_script};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs, and where their packages put them.
const PROGRAMS: [(&str, &str); 3] =
    [("tor", "usr/bin/tor"), ("tor-gencert", "usr/bin/tor-gencert"), ("nft", "usr/sbin/nft")];

/// The folder with a start script for each program, handed to the tests as `DUNNOCK_TOR`.
pub(crate) fn programs() -> Result<PathBuf> {
    private_copy("tor-1", "tor and nft (private copies, 15 MB)", |folder| {
        let root = folder.join("root");
        let suite = Suite::own()?;
        let all = suite.closure(&["tor", "nftables"])?;
        let wanted: Vec<String> = all.into_iter().filter(|name| is_used(name)).collect();
        suite.unpack(&wanted, &root)?;
        for (name, path) in PROGRAMS {
            write_starter(folder, &root, name, path)?;
        }
        let version = output_of(Command::new(folder.join("tor")).arg("--version"))?;
        if version.contains("Tor version") { Ok(()) } else { Err(format!("the private tor does not start: {version}")) }
    })
}

/// Libraries and the programs themselves; nothing that a system boots or logs in with.
fn is_used(package: &str) -> bool {
    let unused = ["libpam", "libsemanage", "libsepol", "libaudit", "libdb5", "libdebconf", "tor-geoipdb"];
    let used = ["tor", "nftables", "lib", "zlib", "gcc-"];
    used.iter().any(|start| package.starts_with(start)) && !unused.iter().any(|start| package.starts_with(start))
}

fn write_starter(folder: &Path, root: &Path, name: &str, path: &str) -> Result<()> {
    let mut libraries: Vec<PathBuf> = ["libc.so.6", "libevent-2.1.so.7", "libnftables.so.1"]
        .iter()
        .flat_map(|file| library_folders(root, file))
        .collect();
    libraries.dedup();
    let loader = libraries.iter().find_map(|folder| loader_in(folder)).ok_or("the copy holds no program loader")?;
    let join = libraries.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
    let program = root.join(path);
    write_script(
        &folder.join(name),
        &format!(
            "#!/bin/sh\n# Made by cargo xtask: a private copy that touches nothing outside this folder.\n\
             exec '{}' --library-path '{join}' '{}' \"$@\"\n",
            loader.display(),
            program.display(),
        ),
    )
}

fn loader_in(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_and_what_boots_a_system_is_not() {
        assert!(is_used("tor") && is_used("libevent-2.1-7") && is_used("zlib1g") && is_used("libnftables1"));
        assert!(!is_used("adduser") && !is_used("libpam-modules") && !is_used("tor-geoipdb"));
    }
}
