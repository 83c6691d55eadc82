//! A folder that lives as long as a test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

static COUNT: AtomicU32 = AtomicU32::new(0);
static THERE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A folder below the system's temporary one, removed on drop; with `DUNNOCK_KEEP` set it stays and its name is printed.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new empty folder, readable by its owner only; `name` is for people who look at it.
    pub fn new(name: &str) -> Scratch {
        Scratch::below(&std::env::temp_dir(), name)
    }

    /// The same in memory where the system offers that, for what must not wait for a disk.
    pub fn in_memory(name: &str) -> Scratch {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Scratch::below(memory, name) } else { Scratch::new(name) }
    }

    fn below(top: &Path, name: &str) -> Scratch {
        use std::os::unix::fs::DirBuilderExt;
        crate::process::clean_up_when_interrupted();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = top.join(format!("dunnock-{}-{number}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .unwrap_or_else(|error| panic!("no scratch folder {}: {error}", path.display()));
        there(|all| all.insert(path.clone()));
        Scratch { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it and hands back where.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::env::var_os("DUNNOCK_KEEP").is_some() {
            eprintln!("kept: {}", self.path.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.path);
        }
        there(|all| all.remove(&self.path));
    }
}

/// Removes every scratch folder that is still there; for a program that is about to exit without dropping.
pub fn remove_all() {
    for path in there(std::mem::take) {
        let _ = std::fs::remove_dir_all(path);
    }
}

fn there<T>(work: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
    work(&mut THERE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// All files below a folder, for looking through them.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// The files below a folder that hold any of these texts, as UTF-8 or as UTF-16, with the text found.
pub fn files_holding<'t>(folder: &Path, texts: &[&'t str]) -> Vec<(PathBuf, &'t str)> {
    let mut found = Vec::new();
    for file in files_below(folder) {
        let Ok(content) = std::fs::read(&file) else { continue };
        for text in texts {
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            if holds(&content, text.as_bytes()) || holds(&content, &wide) {
                found.push((file.clone(), *text));
            }
        }
    }
    found
}

fn holds(content: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && content.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_goes_away_with_its_owner() {
        let scratch = Scratch::new("gone");
        scratch.write("file", "text");
        let path = scratch.path().to_path_buf();
        assert!(path.exists());
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn a_text_is_found_in_any_file_below_and_in_either_encoding() {
        let scratch = Scratch::new("found");
        std::fs::create_dir(scratch.join("deep")).unwrap();
        scratch.write("deep/narrow", b"\0\0the canary sang\xff");
        scratch.write("wide", "canary".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
        scratch.write("none", "sparrow");
        assert_eq!(files_holding(scratch.path(), &["canary"]).len(), 2);
        assert!(files_holding(scratch.path(), &["dunnock"]).is_empty());
    }
}
