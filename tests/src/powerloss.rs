//! A disk that forgets what was not synced, for one device (`peers/powerloss.c`).

use crate::dunnock::Device;
use crate::scratch::{Scratch, files_below};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library that is preloaded; compiled once for a test.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    _scratch: Scratch,
}

/// The disk of one device.
#[derive(Debug)]
pub struct Disk {
    home: PathBuf,
    shadow: PathBuf,
}

impl Shim {
    /// Compiles it with `cc`.
    pub fn compile() -> Shim {
        let scratch = Scratch::new("powerloss");
        let library = scratch.join("powerloss.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/powerloss.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).arg("-ldl");
        let output = command.output().unwrap_or_else(|error| panic!("no C compiler: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Shim { library, _scratch: scratch }
    }

    /// From its next start on, this device's home lies on such a disk. What is there now counts as synced; nothing may
    /// have it open.
    pub fn under(&self, device: &mut Device) -> Disk {
        let disk = Disk { home: device.home(), shadow: device.beside("shadow") };
        copy(&disk.home, &disk.shadow);
        device.set("LD_PRELOAD", &self.library.display().to_string());
        device.set("POWERLOSS_HOME", &disk.home.display().to_string());
        device.set("POWERLOSS_SHADOW", &disk.shadow.display().to_string());
        disk
    }
}

impl Disk {
    /// The power is gone, and with it what was not synced; the device's process must have been killed. Hands back how many
    /// files lost something.
    pub fn lose_power(&self) -> usize {
        let lost = files_below(&self.home)
            .iter()
            .filter(|file| {
                let below = file.strip_prefix(&self.home).expect("it lies below the home");
                !is_memory(file) && fs::read(file).ok() != fs::read(self.shadow.join(below)).ok()
            })
            .count();
        fs::remove_dir_all(&self.home).expect("the home can be removed");
        copy(&self.shadow, &self.home);
        lost
    }
}

/// SQLite's index of its log is memory that several processes share: gone with the power.
fn is_memory(file: &Path) -> bool {
    file.to_string_lossy().ends_with("-shm")
}

/// Copies all files of a folder, and the folders that hold none.
fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).recursive(true).create(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read").flatten() {
        let (path, there) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &there);
        } else if !is_memory(&path) && path.extension().is_none_or(|end| end != "part") {
            fs::copy(&path, &there).expect("a file can be copied");
        }
    }
}
