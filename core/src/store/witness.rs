//! The witness: a file beside the database that says how far the counting of the stream came (XEP-0198).
//!
//! An older copy of a database, out of a backup, still names a stream that may be alive. Resumed with the counts of then,
//! what came since would be skipped, as the server was told that it arrived. So after each commit that counts, its serial
//! number is written here, with the time. A database that has a smaller number is an older copy; a witness that its file
//! system says was written at another time than it says itself came out of a backup too. Either way nothing is resumed,
//! and a new stream catches up by the archive.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the two times may be apart, milliseconds: clocks of file systems are coarse.
const APART: i64 = 2_000;
/// Serial number and time.
const LENGTH: usize = 16;

/// Held by who holds the lease.
pub(crate) struct Witness {
    file: Option<File>,
    said: i64,
}

impl Witness {
    /// The witness in this file, made if it is not there.
    pub(crate) fn open(path: &Path) -> Witness {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        Witness { file: open.ok(), said: -1 }
    }

    /// Whether a database with this serial number is the one that was last written. In doubt it is not.
    pub(crate) fn agrees(&self, serial: i64) -> bool {
        self.read().is_ok_and(|said| said <= serial)
    }

    fn read(&self) -> Result<i64> {
        let file = self.file.as_ref().ok_or(ErrorKind::NotFound)?;
        let mut bytes = [0; LENGTH];
        file.read_exact_at(&mut bytes, 0)?;
        let [said, at] =
            [&bytes[..8], &bytes[8..]].map(|half| i64::from_be_bytes(half.try_into().expect("half of it")));
        let meta = file.metadata()?;
        let changed = meta.ctime() * 1000 + meta.ctime_nsec() / 1_000_000;
        let apart = changed.checked_sub(at).map(i64::abs);
        if apart.is_some_and(|apart| apart <= APART) { Ok(said) } else { Err(ErrorKind::InvalidData.into()) }
    }

    /// This serial number is on the disk. If it cannot be said here, a killed process resumes nothing.
    pub(crate) fn say(&mut self, serial: i64) {
        if serial == self.said {
            return;
        }
        self.said = serial;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&serial.to_be_bytes());
        bytes[8..].copy_from_slice(&now.to_be_bytes());
        if let Some(file) = &self.file
            && file.write_all_at(&bytes, 0).is_err()
        {
            // Better no witness than one that says too little: an older copy would pass for the last one.
            let _ = file.set_len(0);
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_older_copy_of_the_database_is_known_for_one() {
        let folder = crate::scratch::Folder::new();
        let path = folder.path().join("stream");
        assert!(!Witness::open(&path).agrees(9), "without a witness nothing is believed");
        let mut witness = Witness::open(&path);
        witness.say(5);
        // A power cut may take the last words of the witness, never those of the database.
        assert!(Witness::open(&path).agrees(5) && witness.agrees(6));
        assert!(!witness.agrees(4));
    }

    #[test]
    fn a_witness_out_of_a_backup_says_nothing() {
        let folder = crate::scratch::Folder::new();
        let [path, old, copy] = ["stream", "old", "copy"].map(|name| folder.path().join(name));
        let mut witness = Witness::open(&path);
        witness.say(5);
        // One that was written an hour ago, copied now.
        let mut bytes = fs::read(&path).unwrap();
        let then = i64::from_be_bytes(bytes[8..].try_into().unwrap()) - 3_600_000;
        bytes[8..].copy_from_slice(&then.to_be_bytes());
        fs::write(&old, bytes).unwrap();
        fs::copy(&old, &copy).unwrap();
        assert!(!Witness::open(&copy).agrees(5));
        fs::copy(&old, &path).unwrap();
        assert!(!witness.agrees(5), "nor one that was written over");
    }
}
