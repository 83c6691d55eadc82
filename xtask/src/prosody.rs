//! Private copies of the server Prosody: version 13, and the distribution's own.
//!
//! Each runs with the loader and the C library that were packaged with it, so Prosody 13 runs on an older Debian too,
//! without root and without a trace in the system.

use crate::Result;
use crate::debs::Suite;
use crate::needs::{library_folders, output_of, private_copy, read, write, write_script};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Prosody that can be started: the folder holds the scripts `prosody` and `prosodyctl`, and a file `version`.
pub(crate) struct Prosody {
    /// Handed to the tests as `DUNNOCK_PROSODY`.
    pub(crate) folder: PathBuf,
    /// `13.0.1` for example.
    pub(crate) version: String,
}

impl Prosody {
    /// Prosody 13, from Debian 13.
    pub(crate) fn thirteen() -> Result<Prosody> {
        Prosody::fetch("prosody-13-2", "Prosody 13 (a private copy from Debian 13, 25 MB)", Suite::trixie)
    }

    /// The Prosody that this machine's own release ships.
    pub(crate) fn of_the_distribution() -> Result<Prosody> {
        Prosody::fetch("prosody-own-2", "this release's own Prosody (a private copy, 20 MB)", Suite::own)
    }

    fn fetch(name: &str, what: &str, suite: impl FnOnce() -> Result<Suite>) -> Result<Prosody> {
        let folder = private_copy(name, what, |folder| {
            let suite = suite()?;
            let root = folder.join("root");
            let all = suite.closure(&[
                "prosody",
                "prosody-modules",
                "lua-dbi-sqlite3",
                "lua-sec",
                "lua-bitop",
                "lua-unbound",
            ])?;
            let wanted: Vec<String> = all.into_iter().filter(|name| is_used(name)).collect();
            suite.unpack(&wanted, &root)?;
            for program in ["prosody", "prosodyctl"] {
                write_starter(folder, &root, program)?;
            }
            let version = version_of(folder)?;
            write(&folder.join("version"), &format!("{version}\n"))?;
            write(&folder.join("release"), &format!("{}\n", suite.codename()))
        })?;
        let version = read(&folder.join("version"))?.trim().to_owned();
        Ok(Prosody { folder, version })
    }

    /// Whether this is the same major version as another.
    pub(crate) fn is_like(&self, other: &Prosody) -> bool {
        let major = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
        major(&self.version) == major(&other.version)
    }
}

/// Accounts, boot scripts and certificates of a system installation are no part of a private copy.
fn is_used(package: &str) -> bool {
    let unused = ["libpam", "libsemanage", "libsepol", "libaudit", "libsystemd", "libdb5", "libdebconf", "libcap"];
    let used = ["prosody", "lua", "lib", "zlib"];
    used.iter().any(|start| package.starts_with(start)) && !unused.iter().any(|start| package.starts_with(start))
}

/// Writes the start script for one of Prosody's two programs, with all its paths inside the copy.
fn write_starter(folder: &Path, root: &Path, program: &str) -> Result<()> {
    let original = read(&root.join("usr/bin").join(program))?;
    let lua = original.lines().next().and_then(|line| line.rsplit([' ', '/']).next()).unwrap_or("lua5.4").to_owned();
    let lua_version = lua.trim_start_matches("lua");
    let libraries: Vec<PathBuf> =
        ["libc.so.6", "libssl.so.3", "libexpat.so.1"].iter().flat_map(|file| library_folders(root, file)).collect();
    let loader = libraries.iter().find_map(|folder| loader_in(folder)).ok_or("the copy holds no program loader")?;
    let modules = library_folders(root, "lua")
        .iter()
        .map(|at| format!("{}/lua/{lua_version}/?.so;", at.display()))
        .collect::<String>();
    let script = folder.join(format!("{program}.lua"));
    write(&script, &with_paths_inside(&original, root, folder))?;
    let join = libraries.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
    let root = root.display();
    write_script(
        &folder.join(program),
        &format!(
            "#!/bin/sh\n# Made by cargo xtask: a private Prosody that touches nothing outside this folder.\n\
             LUA_PATH='{root}/usr/share/lua/{lua_version}/?.lua;{root}/usr/share/lua/{lua_version}/?/init.lua' \\\n\
             LUA_CPATH='{modules}' \\\n\
             exec '{}' --library-path '{join}' '{root}/usr/bin/{lua}' '{}' \"$@\"\n",
            loader.display(),
            script.display(),
        ),
    )
}

/// The start script with the four places that the packagers wrote into it moved into the copy.
fn with_paths_inside(original: &str, root: &Path, folder: &Path) -> String {
    let (root, folder) = (root.display(), folder.display());
    let places = [
        ("CFG_SOURCEDIR", format!("{root}/usr/lib/prosody")),
        ("CFG_PLUGINDIR", format!("{root}/usr/lib/prosody/modules/")),
        ("CFG_CONFIGDIR", format!("{folder}")),
        ("CFG_DATADIR", format!("{folder}/data")),
    ];
    let mut text = String::new();
    for line in original.lines() {
        let moved = places.iter().find(|(name, _)| line.trim_start().starts_with(&format!("{name}='")));
        match moved {
            Some((name, path)) => text.push_str(&format!("{name}='{path}';")),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn loader_in(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))).min()
}

/// Asks the copy for its version, which also proves that it starts.
fn version_of(folder: &Path) -> Result<String> {
    let config = folder.join("about.cfg.lua");
    let data = folder.join("data");
    crate::needs::make_folder(&data)?;
    write(
        &config,
        &format!("data_path = '{}'\npidfile = '{0}/pid'\nlog = {{}}\nVirtualHost 'localhost'\n", data.display()),
    )?;
    let about = output_of(Command::new(folder.join("prosodyctl")).arg("--config").arg(&config).arg("about"))?;
    about
        .lines()
        .filter_map(|line| line.strip_prefix("Prosody ")?.split_whitespace().next())
        .find(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        .map(str::to_owned)
        .ok_or_else(|| format!("the private Prosody does not tell its version:\n{about}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_packaged_paths_move_into_the_copy() {
        let text = "CFG_SOURCEDIR='/usr/lib/prosody';\nCFG_DATADIR='/var/lib/prosody';\nlocal x = CFG_DATADIR\n";
        let moved = with_paths_inside(text, Path::new("/c/root"), Path::new("/c"));
        assert_eq!(moved, "CFG_SOURCEDIR='/c/root/usr/lib/prosody';\nCFG_DATADIR='/c/data';\nlocal x = CFG_DATADIR\n");
    }

    #[test]
    fn boot_and_password_packages_stay_out() {
        assert!(is_used("libssl3t64") && is_used("lua-sec") && is_used("zlib1g"));
        assert!(!is_used("passwd") && !is_used("libpam0g") && !is_used("ssl-cert"));
    }
}
