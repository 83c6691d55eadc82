//! The Python peer's surroundings: an interpreter, and slixmpp with python-omemo in a folder of their own.

use crate::Result;
use crate::debs::Suite;
use crate::needs::{library_folders, make_folder, output_of, private_copy, read, tree, write_script};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The start script of a Python that knows the peer's libraries; handed to the tests as `DUNNOCK_PYTHON`.
pub(crate) fn with_peers() -> Result<PathBuf> {
    let python = interpreter()?;
    let requirements = tree().join("tests/peers/requirements.txt");
    let name = format!("peers-1-{}-{:016x}", python.version, fingerprint(&read(&requirements)?));
    let folder = private_copy(&name, "slixmpp and python-omemo (from PyPI, 30 MB)", |folder| {
        install(&python, &requirements, &folder.join("site"))?;
        write_script(
            &folder.join("python"),
            &format!(
                "#!/bin/sh\n# Made by cargo xtask: Python with the test peer's libraries.\n\
                 PYTHONPATH='{}' PYTHONNOUSERSITE=1 PYTHONUNBUFFERED=1 exec '{}' \"$@\"\n",
                folder.join("site").display(),
                python.program.display()
            ),
        )?;
        output_of(Command::new(folder.join("python")).args(["-c", "import slixmpp_omemo, oldmemo, twomemo"])).map(drop)
    })?;
    Ok(folder.join("python"))
}

/// Puts what a file of requirements names into a folder, for any Python.
pub(crate) fn packages(requirements: &Path, folder: &Path) -> Result<()> {
    install(&interpreter()?, requirements, folder)
}

fn install(python: &Python, requirements: &Path, folder: &Path) -> Result<()> {
    let mut install = Command::new(&python.program);
    if let Some(wheel) = pip_for(python)? {
        install.env("PYTHONPATH", wheel);
    }
    // `--target` needs no venv module and leaves an externally managed Python alone.
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]);
    install.arg("--target").arg(folder).arg("-r").arg(requirements);
    output_of(&mut install).map(drop)
}

struct Python {
    program: PathBuf,
    version: String,
}

/// The machine's Python if it will do, else a private copy of this release's.
fn interpreter() -> Result<Python> {
    if let Some(python) = probe(Path::new("python3")) {
        return Ok(python);
    }
    let folder = private_copy("python-1", "Python (a private copy of this release's, 15 MB)", |folder| {
        let suite = Suite::own()?;
        let all = suite.closure(&["python3", "python3-pip-whl"])?;
        let wanted: Vec<String> = all.into_iter().filter(|name| is_used(name)).collect();
        let root = folder.join("root");
        suite.unpack(&wanted, &root)?;
        write_starter(folder, &root)
    })?;
    probe(&folder.join("python3")).ok_or_else(|| "the private Python does not start".to_owned())
}

/// Asks a Python whether it is new enough and whole; Debian's minimal one lacks `ssl` and `sqlite3`.
fn probe(program: &Path) -> Option<Python> {
    let question = "import ssl, sqlite3, sys, xml.parsers.expat; assert sys.version_info >= (3, 10); \
                    print(sys.executable); print('%d.%d' % sys.version_info[:2])";
    let answer = output_of(Command::new(program).args(["-c", question])).ok()?;
    let mut lines = answer.lines();
    let executable = PathBuf::from(lines.next()?);
    let version = lines.next()?.to_owned();
    // A name found on the path may be a switch that looks at the current folder: keep what it led to.
    let program = if program.is_absolute() { program.to_path_buf() } else { executable };
    Some(Python { program, version })
}

/// The system's own C library serves, so its packages are left out.
fn is_used(package: &str) -> bool {
    let used = [
        "python3",
        "libpython3",
        "libssl",
        "libffi",
        "libexpat",
        "libsqlite3",
        "libuuid1",
        "libnsl",
        "libtirpc",
        "libbz2",
    ];
    let also = ["liblzma", "zlib1g", "libreadline", "libncursesw", "libtinfo", "libdb5", "libzstd", "openssl-provider"];
    used.iter().chain(&also).any(|start| package.starts_with(start))
}

fn write_starter(folder: &Path, root: &Path) -> Result<()> {
    let names = std::fs::read_dir(root.join("usr/bin")).map_err(|error| format!("python3: {error}"))?;
    let real = names.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("python3.").is_some_and(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let real = real.ok_or("the copy holds no Python")?;
    let folders =
        ["libssl.so.3", "libexpat.so.1", "libsqlite3.so.0"].iter().flat_map(|file| library_folders(root, file));
    let mut libraries: Vec<String> = folders.map(|path| path.display().to_string()).collect();
    libraries.dedup();
    write_script(
        &folder.join("python3"),
        &format!(
            "#!/bin/sh\n# Made by cargo xtask: a private Python.\n\
             PYTHONHOME='{}' LD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
            root.join("usr").display(),
            libraries.join(":"),
            real.display()
        ),
    )
}

/// Where pip's wheel lies when Python has no pip of its own; a wheel can be run where it lies.
fn pip_for(python: &Python) -> Result<Option<PathBuf>> {
    if output_of(Command::new(&python.program).args(["-m", "pip", "--version"])).is_ok() {
        return Ok(None);
    }
    let folder = private_copy("pip-1", "pip (a private copy, 2 MB)", |folder| {
        make_folder(folder)?;
        Suite::own()?.unpack(&["python3-pip-whl".to_owned()], folder)
    })?;
    let wheels = folder.join("usr/share/python-wheels");
    let names = std::fs::read_dir(&wheels).map_err(|error| format!("{}: {error}", wheels.display()))?;
    let pip = names
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pip-")));
    pip.map(Some).ok_or_else(|| "the package python3-pip-whl holds no pip".to_owned())
}

/// FNV-1a: tells one list of requirements from another.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_list_of_requirements_has_another_fingerprint() {
        assert_ne!(fingerprint("slixmpp==1"), fingerprint("slixmpp==2"));
    }

    #[test]
    fn the_system_c_library_stays_in_use() {
        assert!(is_used("python3.13") && is_used("libpython3.13-stdlib"));
        assert!(!is_used("libc6") && !is_used("dpkg"));
    }
}
