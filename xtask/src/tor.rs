//! Private copies of what a private Tor network needs: `tor` and `tor-gencert`, and of what shows that no packet
//! leaves outside of a route: `ip` and `nft`. They run with the loader and the libraries that were packaged with them.

use crate::Result;
use crate::debs::Suite;
use crate::needs::{library_folders, output_of, private_copy, write_script};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs, and where releases put them.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("tor", &["usr/bin/tor"]),
    ("tor-gencert", &["usr/bin/tor-gencert"]),
    ("nft", &["usr/sbin/nft", "sbin/nft"]),
    ("ip", &["usr/bin/ip", "bin/ip"]),
];

/// The folder with a start script for each program, handed to the tests as `DUNNOCK_TOR`.
pub(crate) fn programs() -> Result<PathBuf> {
    private_copy("tor-2", "tor, nft and ip (private copies, 20 MB)", |folder| {
        let root = folder.join("root");
        let suite = Suite::own()?;
        let all = suite.closure(&["tor", "nftables", "iproute2"])?;
        let wanted: Vec<String> = all.into_iter().filter(|name| is_used(name)).collect();
        suite.unpack(&wanted, &root)?;
        for (name, paths) in PROGRAMS {
            let path = paths.iter().find(|path| root.join(path).is_file());
            write_starter(folder, &root, name, path.ok_or(format!("{name} is not in its package"))?)?;
        }
        let version = output_of(Command::new(folder.join("tor")).arg("--version"))?;
        if version.contains("Tor version") { Ok(()) } else { Err(format!("the private tor does not start: {version}")) }
    })
}

/// Why this machine cannot show that nothing leaves outside of a route, if it cannot: that takes a network of its own, whose
/// packets are counted.
pub(crate) fn no_proof(programs: &Path) -> Option<String> {
    let (ip, nft) = (programs.join("ip"), programs.join("nft"));
    let probe = format!("'{}' link set lo up && '{}' add table inet probe", ip.display(), nft.display());
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "setpriv", "--reuid", "0", "sh", "-c", &probe]);
    output_of(&mut command).err().map(|_| "needs root, and a kernel that lets it have a network of its own".to_owned())
}

/// Libraries and the programs themselves; nothing that a system boots or logs in with.
fn is_used(package: &str) -> bool {
    let unused = ["libpam", "libsemanage", "libsepol", "libaudit", "libdb5", "libdebconf", "tor-geoipdb"];
    let used = ["tor", "nftables", "iproute2", "lib", "zlib", "gcc-"];
    used.iter().any(|start| package.starts_with(start)) && !unused.iter().any(|start| package.starts_with(start))
}

fn write_starter(folder: &Path, root: &Path, name: &str, path: &str) -> Result<()> {
    let mut libraries: Vec<PathBuf> = ["libc.so.6", "libevent-2.1.so.7", "libnftables.so.1", "libelf.so.1"]
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
