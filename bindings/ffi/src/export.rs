//! Rows saved into a file of the app's choice.

use dunnock_core::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Lets `rows` write into a new file for its owner only, and answers how many they were. Where that fails no file is left;
/// one that was there before is not touched. `File`, `DiskFull`, and what `rows` fails with.
pub(crate) fn into_file(path: &Path, rows: impl FnOnce(&mut dyn Write) -> Result<u64>) -> Result<u64> {
    let file = create(path).map_err(|error| failed(path, &error))?;
    let saved = save(file, path, rows);
    if saved.is_err() {
        // What was asked for is all that can be read, not a part of it; if even this fails there is nothing left to do.
        let _ = fs::remove_file(path);
    }
    saved
}

fn save(file: File, path: &Path, rows: impl FnOnce(&mut dyn Write) -> Result<u64>) -> Result<u64> {
    let mut writer = BufWriter::new(file);
    let count = rows(&mut writer)?;
    let file = writer.into_inner().map_err(|error| failed(path, error.error()))?;
    file.sync_all().map_err(|error| failed(path, &error))?;
    Ok(count)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    Error::about(if full { ErrorKind::DiskFull } else { ErrorKind::File }, path.display().to_string())
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
