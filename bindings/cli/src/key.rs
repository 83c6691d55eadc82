//! The key file: where the store key comes from until the system keyring and the passphrase do.
//!
//! It is made only for a home without accounts, appears under its name complete or not at all, and is never overwritten.

use dunnock_core::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most that is read of a key file: 64 digits and a good deal of white space.
const LONGEST: u64 = 4096;

/// The 32 bytes that open a home.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The key in the file at `path`; `None` if there is no such file. Fails with `key_file` when it holds anything but
/// 32 bytes, or 64 hex digits with white space after them, and when it is a folder, a pipe or a device.
pub(crate) fn read(path: &Path) -> Result<Option<Key>> {
    // Looked at before it is opened: to open a pipe waits for somebody to write.
    let file = match fs::metadata(path).and_then(|data| if data.is_file() { File::open(path) } else { Err(no_file()) })
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, &error)),
    };
    // Sized before it is read, so that no reallocation leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| unusable(path, &error))?;
    match parse(&bytes) {
        Some(key) => Ok(Some(key)),
        None => Err(Error::about(ErrorKind::KeyFile, path.display().to_string())),
    }
}

/// Makes the file with a fresh random key and answers that key. The file must not exist. If another process makes it at
/// the same time, its key is answered.
pub(crate) fn make(path: &Path) -> Result<Key> {
    let mut key: Key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice()).map_err(|_| ErrorKind::Internal)?;
    match write_new(path, &hex(&key)) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| Error::about(ErrorKind::KeyFile, path.display().to_string()))
        }
        Err(error) => Err(unusable(path, &error)),
    }
}

/// The key in `bytes`, if they have one of the two forms.
fn parse(bytes: &[u8]) -> Option<Key> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(Zeroizing::new(raw));
    }
    if bytes.len() as u64 > LONGEST || bytes.len() < 64 {
        return None;
    }
    let (digits, rest) = bytes.split_at(64);
    if !rest.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let mut key: Key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

/// 64 hex digits and a newline.
fn hex(key: &Key) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(65));
    for byte in key.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(b"0123456789abcdef"[usize::from(nibble)]);
        }
    }
    text.push(b'\n');
    text
}

/// Puts `content` under `path`, whole or not at all: it is written under a name beside it and linked, which fails if
/// `path` exists. Where the file system knows no links it is made in place.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let draft = draft_name(folder)?;
    let linked = create(&draft, content).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Ok(()) => removed?,
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            create(path, content)?
        }
        Err(error) => return Err(error),
    }
    // The name must be as durable as the databases that the key opens, and so must those of folders that are as new.
    for above in folder.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        let _ = File::open(above).and_then(|above| above.sync_all());
    }
    File::open(folder)?.sync_all()
}

fn draft_name(folder: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(folder.join(format!(".dunnock-key-{:016x}", u64::from_le_bytes(random))))
}

/// Makes a file that must not exist, for its owner only.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// What is refused where a file is looked for and something else is there.
fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a file")
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
        _ => ErrorKind::KeyFile,
    };
    // Ours say in words what they are.
    let reason = error.get_ref().map_or_else(|| error.kind().to_string(), ToString::to_string);
    Error::about(kind, format!("{} ({reason})", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn key_of(content: &[u8]) -> Option<[u8; 32]> {
        parse(content).map(|key| *key)
    }

    #[test]
    fn thirty_two_bytes_are_the_key_itself() {
        assert_eq!(key_of(&[9; 32]), Some([9; 32]));
        // Also when they happen to look like digits or white space.
        assert_eq!(key_of(&[b'0'; 32]), Some([b'0'; 32]));
        assert_eq!(key_of(&[b'\n'; 32]), Some([b'\n'; 32]));
    }

    #[test]
    fn sixty_four_digits_may_be_followed_by_white_space() {
        let digits = "0aF1".repeat(16);
        let key = [0x0a, 0xf1].repeat(16);
        for after in ["", "\n", "\r\n", " \t\n\n"] {
            assert_eq!(key_of(format!("{digits}{after}").as_bytes()).unwrap().as_slice(), key);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let digits = "0a".repeat(32);
        for wrong in [
            "",
            "0a",
            &digits[1..],
            &format!("{digits}0"),
            &format!(" {digits}"),
            &format!("{digits}\nx"),
            &digits.replace('a', "g"),
        ] {
            assert_eq!(key_of(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(key_of(&[0; 31]), None);
        assert_eq!(key_of(&[0; 33]), None);
        assert_eq!(key_of(format!("{digits}{}", " ".repeat(5000)).as_bytes()), None);
    }

    #[test]
    fn a_made_file_is_private_hex_and_reads_back() {
        let scratch = Scratch::new();
        let path = scratch.path().join("key");
        assert!(read(&path).unwrap().is_none());
        let key = make(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), 65);
        assert!(text.ends_with('\n'));
        assert_eq!(*read(&path).unwrap().unwrap(), *key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        }
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn making_never_replaces_a_file() {
        let scratch = Scratch::new();
        let path = scratch.path().join("key");
        fs::write(&path, [5; 32]).unwrap();
        assert_eq!(*make(&path).unwrap(), [5; 32]);
        fs::write(&path, "not a key").unwrap();
        assert_eq!(make(&path).err().unwrap().kind, ErrorKind::KeyFile);
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_there_are_no_links_it_does_not_replace_one_either() {
        let scratch = Scratch::new();
        let path = scratch.path().join("key");
        create(&path, b"first").unwrap();
        assert_eq!(create(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_is_not_followed() {
        let scratch = Scratch::new();
        let path = scratch.path().join("key");
        std::os::unix::fs::symlink(scratch.path().join("elsewhere"), &path).unwrap();
        assert_eq!(make(&path).err().unwrap().kind, ErrorKind::KeyFile);
        assert!(!scratch.path().join("elsewhere").exists());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let scratch = Scratch::new();
        let error = make(&scratch.path().join("no/key")).err().unwrap();
        assert_eq!(error.kind, ErrorKind::KeyFile);
        assert!(error.subject.contains("no/key"));
    }
}
