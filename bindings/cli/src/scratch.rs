//! A folder for one test, gone when it ends.

use std::path::{Path, PathBuf};

/// Owns the folder.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A fresh folder with a random name.
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("dunnock-test-{:016x}", u64::from_le_bytes(random)));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
