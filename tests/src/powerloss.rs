//! A disk that forgets what was not synced, for one device (`peers/powerloss.c`).

use crate::dunnock::Device;
use crate::scratch::Scratch;
use crate::seed::Seed;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

/// The library that is preloaded; compiled once for a test.
#[derive(Debug)]
pub struct Shim {
    scratch: Scratch,
}

/// The disk of one device: its home, its key and all that lies beside them.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    kept: PathBuf,
}

/// What became of writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None of them reached the disk.
    All,
    /// Every name did, and of each file any of its pages: a disk writes in an order of its own.
    Some,
}

/// All below a folder, by path; a folder has no content.
type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What a disk writes whole.
const PAGE: usize = 4096;

impl Shim {
    /// Compiles it with `cc`.
    pub fn compile() -> Shim {
        let scratch = Scratch::new("powerloss");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/powerloss.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        command.arg(scratch.join("powerloss.so")).arg(source).arg("-ldl");
        let output = command.output().unwrap_or_else(|error| panic!("no C compiler: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Shim { scratch }
    }

    /// From its next start on, this device lies on such a disk. What is there now counts as synced; nothing may have it
    /// open.
    pub fn under(&self, device: &mut Device) -> Disk {
        let root = device.home().parent().expect("a device has a folder").to_path_buf();
        let name = root.file_name().expect("it has a name").to_string_lossy().into_owned();
        let disk = Disk { root, kept: self.scratch.join(format!("kept-{name}")) };
        disk.keep_all();
        device.set("LD_PRELOAD", &self.scratch.join("powerloss.so").display().to_string());
        device.set("POWERLOSS_ROOT", &disk.root.display().to_string());
        device.set("POWERLOSS_KEPT", &disk.kept.display().to_string());
        disk
    }
}

/// From its next start on, the device's power goes at this moment: its so manieth write, change of names, or end of a sync.
pub fn power_goes_at(device: &mut Device, moment: u64) {
    device.set("POWERLOSS_AT", &moment.to_string());
}

impl Disk {
    /// The power is gone, and with it what was not synced; the device's process must have been killed. Hands back the
    /// files and folders that are not what a reader would have found there.
    pub fn lose_power(&self, loss: Loss, seed: &mut Seed) -> Vec<PathBuf> {
        let now = tree(&self.root);
        let left = match loss {
            Loss::All => self.kept(),
            Loss::Some => now.iter().map(|(path, bytes)| (path.clone(), self.torn(path, bytes, seed))).collect(),
        };
        let all = now.keys().chain(left.keys().filter(|path| !now.contains_key(*path)));
        let lost = all.filter(|path| now.get(*path) != left.get(*path)).cloned().collect();
        empty(&self.root);
        write(&self.root, &left);
        self.keep_all();
        lost
    }

    /// What there is now counts as synced.
    fn keep_all(&self) {
        let _ = fs::remove_dir_all(&self.kept);
        fs::create_dir(&self.kept).expect("the scratch folder can be written");
        let folders = tree(&self.root).into_iter().filter(|(_, content)| content.is_none());
        for folder in [self.root.clone()].into_iter().chain(folders.map(|(path, _)| self.root.join(path))) {
            let mut entries = String::new();
            for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
                let (path, name) = (entry.path(), self.name_of(&entry.path()));
                entries += &format!("{name} {}\n", entry.file_name().to_string_lossy());
                if path.is_file() {
                    fs::copy(&path, self.kept.join(name)).expect("a file can be copied");
                }
            }
            fs::write(self.kept.join(self.name_of(&folder)), entries).expect("the scratch folder can be written");
        }
    }

    /// The name under which `powerloss.c` keeps what is at this path.
    fn name_of(&self, path: &Path) -> String {
        let about = fs::symlink_metadata(path).expect("it was just there");
        let born = about.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let kind = if about.is_dir() { 'd' } else { 'f' };
        format!("{kind}{}-{}-{}", about.ino(), born.as_secs(), born.subsec_nanos())
    }

    /// All that was synced, names and contents.
    fn kept(&self) -> Tree {
        let mut found = Tree::new();
        let mut folders = vec![(PathBuf::new(), self.name_of(&self.root))];
        while let Some((below, name)) = folders.pop() {
            let entries = fs::read_to_string(self.kept.join(name)).unwrap_or_default();
            for (name, entry) in entries.lines().filter_map(|line| line.split_once(' ')) {
                let path = below.join(entry);
                if name.starts_with('d') {
                    found.insert(path.clone(), None);
                    folders.push((path, name.to_owned()));
                } else if !is_memory(&path) {
                    // A name that was kept of a file that was not is an empty file.
                    found.insert(path, Some(fs::read(self.kept.join(name)).unwrap_or_default()));
                }
            }
        }
        found
    }

    /// A file some of whose pages are as they were synced and some as they were written since.
    fn torn(&self, path: &Path, now: &Option<Vec<u8>>, seed: &mut Seed) -> Option<Vec<u8>> {
        let now = now.as_ref()?;
        let before = fs::read(self.kept.join(self.name_of(&self.root.join(path)))).unwrap_or_default();
        let length = if seed.below(2) == 0 { now.len() } else { before.len() };
        let mut bytes = vec![0; length];
        for start in (0..length).step_by(PAGE) {
            let from = if seed.below(2) == 0 { now } else { &before };
            let end = (start + PAGE).min(length).min(from.len());
            if start < end {
                bytes[start..end].copy_from_slice(&from[start..end]);
            }
        }
        Some(bytes)
    }
}

/// SQLite's index of its log is memory that several processes share: gone with the power.
fn is_memory(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-shm")
}

/// What a folder holds, as readers see it.
fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            let below = path.strip_prefix(root).expect("it lies below").to_path_buf();
            if path.is_dir() {
                found.insert(below, None);
                folders.push(path);
            } else if !is_memory(&path) {
                found.insert(below, Some(fs::read(&path).expect("a file can be read")));
            }
        }
    }
    found
}

fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
        let path = entry.path();
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.expect("it can be removed");
    }
}

/// Paths come in order: a folder before what is in it.
fn write(root: &Path, tree: &Tree) {
    use std::io::Write;
    for (path, content) in tree {
        match content {
            None => fs::DirBuilder::new().mode(0o700).create(root.join(path)).expect("a folder can be made"),
            Some(bytes) => {
                let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(root.join(path));
                file.and_then(|mut file| file.write_all(bytes)).expect("a file can be written");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::files_below;

    /// Runs a Perl script in a device's folder, on such a disk; hands back what was lost and which files are left.
    fn after(script: &str, loss: Loss) -> (Vec<PathBuf>, Vec<(String, String)>) {
        let shim = Shim::compile();
        let mut device = Device::new("disk");
        device.write("old", "old");
        let disk = shim.under(&mut device);
        let mut command = Command::new("perl");
        command.args(["-MIO::Handle", "-e", script]).current_dir(&disk.root);
        command.env("LD_PRELOAD", shim.scratch.join("powerloss.so"));
        command.env("POWERLOSS_ROOT", &disk.root).env("POWERLOSS_KEPT", &disk.kept);
        assert!(command.status().expect("perl runs").success());
        let lost = disk.lose_power(loss, &mut Seed::from_number(7));
        let left = files_below(&disk.root).into_iter().map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(file).unwrap())
        });
        (lost, left.collect())
    }

    fn file(name: &str, content: &str) -> (String, String) {
        (name.to_owned(), content.to_owned())
    }

    #[test]
    fn what_was_not_synced_is_gone() {
        let (lost, left) = after("open F, '>>', 'old'; syswrite F, ' and new'", Loss::All);
        assert_eq!((lost, left), (vec![PathBuf::from("old")], vec![file("old", "old")]));
    }

    #[test]
    fn what_was_synced_stays_and_later_writes_do_not() {
        let script = "open F, '>>', 'old'; syswrite F, ' and new'; F->sync; syswrite F, ' and newer'";
        assert_eq!(after(script, Loss::All).1, [file("old", "old and new")]);
    }

    #[test]
    fn a_file_is_there_once_its_folder_was_synced_too() {
        let made = "open F, '>', 'new'; syswrite F, 'new'; F->sync;";
        assert_eq!(after(made, Loss::All).1, [file("old", "old")]);
        let named = format!("{made} open D, '<', '.'; D->sync");
        assert_eq!(after(&named, Loss::All).1, [file("new", "new"), file("old", "old")]);
    }

    #[test]
    fn a_new_name_counts_once_its_folder_was_synced() {
        assert_eq!(after("rename 'old', 'other'", Loss::All).1, [file("old", "old")]);
        assert_eq!(after("rename 'old', 'other'; open D, '<', '.'; D->sync", Loss::All).1, [file("other", "old")]);
    }

    #[test]
    fn a_file_made_anew_has_nothing_of_the_one_before() {
        let script = "unlink 'old'; open F, '>', 'old'; syswrite F, 'new'; open D, '<', '.'; D->sync";
        assert_eq!(after(script, Loss::All).1, [file("old", "")]);
    }

    #[test]
    fn a_torn_file_has_pages_of_both_times() {
        let script = "open F, '>', 'big'; syswrite F, 'a' x 409600; F->sync; sysseek F, 0, 0; syswrite F, 'b' x 409600";
        let (_, left) = after(script, Loss::Some);
        let (_, content) = &left[0];
        let pages: Vec<&str> = (0..100).map(|page| &content[page * PAGE..(page + 1) * PAGE]).collect();
        let whole = |letter: &str| pages.iter().filter(|page| **page == letter.repeat(PAGE)).count();
        assert!(whole("a") > 20 && whole("b") > 20 && whole("a") + whole("b") == 100);
    }
}
