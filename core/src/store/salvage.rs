//! Reads a store that SQLite will not open any more because a page of its schema is damaged.
//!
//! SQLCipher encrypts each page of 4096 bytes for itself: ciphertext (AES-256-CBC), its IV (16), an HMAC-SHA512 over both and
//! the page's number (64); the first 16 bytes of the file are a salt. With a raw key the salt goes into the HMAC's key only:
//! PBKDF2-HMAC-SHA512 of the key, two rounds, over the salt with every byte XORed with 0x3a (SQLCipher's design document).
//! So the pages can be decrypted here, one by one. Those that are lost are taken from a fresh store, whose schema lies on the
//! same pages because the same statements made it; rows are read from what that gives, in memory, never on the disk.

use super::open::{Reader, Store, StoreKey};
use crate::error::{Error, ErrorKind, Result};
use aes::Aes256;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const PAGE: usize = 4096;
const IV: usize = 16;
const HMAC: usize = 64;
const SALT: usize = 16;
const MAGIC: &[u8; SALT] = b"SQLite format 3\0";

/// The pages of a file that can be decrypted, by their number from 1.
type Pages = BTreeMap<u32, Vec<u8>>;

/// A database in memory of all that can be decrypted of the file at `path` and its log, and how many pages cannot.
/// `DamagedStore` if that is nothing.
pub(super) fn salvage(path: &Path, key: &StoreKey) -> Result<(Reader, u64)> {
    let unreadable = |_| Error::from(ErrorKind::DamagedStore);
    let file = fs::read(path).map_err(unreadable)?;
    let (cipher, mut found) = decrypted(&file, key).ok_or(ErrorKind::DamagedStore)?;
    let pages = (file.len() / PAGE) as u32;
    let count = log(path, &cipher, &mut found).unwrap_or(0).max(pages);
    let lost = u64::from(count) - found.len() as u64;
    let template = template(key)?;
    let mut image = Vec::with_capacity(count as usize * PAGE);
    for number in 1..=count {
        match found.get(&number).or_else(|| template.get(&number)) {
            Some(page) => image.extend_from_slice(page),
            None => image.resize(number as usize * PAGE, 0),
        }
    }
    header(&mut image, count);
    Ok((Reader::of_image(&image)?, lost))
}

/// Whether the first page of the file at `path` is whole under this key; nothing is changed.
pub(super) fn is_key_of(path: &Path, key: &StoreKey) -> bool {
    let mut page = [0; PAGE];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut page));
    let salt = page.first_chunk().expect("a page is longer than a salt");
    read.is_ok() && Cipher::new(key, salt).page(1, &page).is_some()
}

/// Makes the first page fit the image: no log, this many pages, and that number to be believed.
fn header(image: &mut [u8], count: u32) {
    image[..SALT].copy_from_slice(MAGIC);
    image[18..20].fill(1);
    let change: [u8; 4] = image[24..28].try_into().expect("four bytes");
    image[28..32].copy_from_slice(&count.to_be_bytes());
    image[92..96].copy_from_slice(&change);
}

/// The pages of a database file. Those whose HMAC is wrong are left out; if all are, the salt is what is damaged, and pages
/// count as whole if the first one makes sense. None if there is no page to be had.
fn decrypted<'a>(file: &[u8], key: &'a StoreKey) -> Option<(Cipher<'a>, Pages)> {
    let numbered = || (1u32..).zip(file.chunks_exact(PAGE));
    let mut cipher = Cipher::new(key, file.first_chunk()?);
    let read = |cipher: &Cipher| -> Pages {
        numbered().filter_map(|(number, page)| Some((number, cipher.page(number, page)?))).collect()
    };
    let verified = read(&cipher);
    if !verified.is_empty() {
        return Some((cipher, verified));
    }
    cipher.verifies = false;
    let plain = read(&cipher);
    // File format, offsets 16 and 20: page size and bytes reserved at the end of each page.
    let first = plain.get(&1)?;
    (first[16..18] == [0x10, 0] && first[20] == (IV + HMAC) as u8).then_some((cipher, plain))
}

/// Takes the pages of the log that were committed; the size of the database in pages then, if there was a commit.
/// Layout: SQLite's file format, section 4.1.
fn log(path: &Path, cipher: &Cipher, pages: &mut Pages) -> Option<u32> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let log = fs::read(PathBuf::from(name)).ok()?;
    let (head, frames) = log.split_at_checked(32)?;
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    let (mut open, mut size) = (Pages::new(), None);
    for frame in frames.chunks_exact(24 + PAGE) {
        let (about, page) = frame.split_at(24);
        if about[8..16] != head[16..24] {
            break;
        }
        let at = number(&about[..4]);
        if let Some(page) = cipher.page(at, page) {
            open.insert(at, page);
        }
        let commit = number(&about[4..8]);
        if commit != 0 {
            pages.append(&mut open);
            size = Some(commit);
        }
    }
    size
}

/// The pages of a store without rows.
fn template(key: &StoreKey) -> Result<Pages> {
    let folder = std::env::temp_dir().join(format!(".dunnock-{}", super::home::random_name()?));
    super::home::private_folder(&folder, false).map_err(|error| super::home::about(&folder, error))?;
    let path = folder.join("store.db");
    let made = Store::create(&path, key).and_then(|store| store.checkpoint()).map(|()| fs::read(&path));
    let _ = fs::remove_dir_all(&folder);
    let file = made?.map_err(|_| ErrorKind::File)?;
    Ok(decrypted(&file, key).map(|(_, pages)| pages).unwrap_or_default())
}

struct Cipher<'a> {
    key: &'a StoreKey,
    hmac_key: Zeroizing<[u8; 32]>,
    /// Whether a page counts only with a right HMAC.
    verifies: bool,
}

impl<'a> Cipher<'a> {
    fn new(key: &'a StoreKey, salt: &[u8; SALT]) -> Self {
        let mut hmac_key = Zeroizing::new([0; 32]);
        let salt = salt.map(|byte| byte ^ 0x3a);
        pbkdf2::pbkdf2_hmac::<Sha512>(key.0.as_slice(), &salt, 2, hmac_key.as_mut_slice());
        Cipher { key, hmac_key, verifies: true }
    }

    /// The plain page, if it is as it was written.
    fn page(&self, number: u32, page: &[u8]) -> Option<Vec<u8>> {
        let start = if number == 1 { SALT } else { 0 };
        let mut mac = <Hmac<Sha512> as KeyInit>::new_from_slice(self.hmac_key.as_slice()).ok()?;
        mac.update(&page[start..PAGE - HMAC]);
        mac.update(&number.to_le_bytes());
        let whole = mac.verify_slice(&page[PAGE - HMAC..]).is_ok();
        (whole || !self.verifies).then(|| self.decrypt(number, page))
    }

    /// The plain page; what is at its end is SQLCipher's own and stays.
    fn decrypt(&self, number: u32, page: &[u8]) -> Vec<u8> {
        let start = if number == 1 { SALT } else { 0 };
        let end = PAGE - HMAC - IV;
        let mut plain = page.to_vec();
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(self.key.0.as_slice(), &page[end..end + IV]);
        let done = cipher.expect("key and IV have these lengths").decrypt_padded::<NoPadding>(&mut plain[start..end]);
        debug_assert!(done.is_ok_and(|text| text.len() == end - start), "a page is whole blocks");
        if number == 1 {
            plain[..SALT].copy_from_slice(MAGIC);
        }
        plain
    }
}
