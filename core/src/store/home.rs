//! The home folder: `key.check` and `accounts/<16 random hex>/{store.db, lease}`. No JID in any name, mode 0700.
//!
//! SQLCipher answers the same for a wrong key and for a damaged first page. `key.check`, an HMAC of a label under the
//! store key, tells the two apart, before any database is touched. Where it is lost, a first page that is whole under the
//! key brings it back.

use super::open::{Store, StoreKey};
use super::salvage;
use crate::error::{Error, ErrorKind, Result};
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::Sha256;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LABEL: &[u8] = b"dunnock store key 1";
const CHECK: &str = "key.check";
const CHECK_LENGTH: usize = 32;
/// Folders being built or being wiped. What lies there is nobody's.
const PARTIAL: &str = ".partial-";

/// An open home, its key found right.
pub(crate) struct Home {
    path: PathBuf,
}

/// The files of one account.
#[derive(Clone)]
pub(crate) struct AccountFolder {
    /// Its random name.
    pub name: String,
    path: PathBuf,
}

impl AccountFolder {
    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("store.db")
    }

    /// The file whose lock says who owns the wire, and whose time stamp rings for other processes.
    pub(crate) fn lease(&self) -> PathBuf {
        self.path.join("lease")
    }

    /// The witness of the stream that may be resumed ([`super::Witness`]).
    pub(crate) fn witness(&self) -> PathBuf {
        self.path.join("stream")
    }

    /// The file whose lock says who shows notifications; made by the first who does.
    pub(crate) fn telling(&self) -> PathBuf {
        self.path.join("telling")
    }

    /// Whether it is still there: another process may have wiped it.
    pub(crate) fn exists(&self) -> bool {
        self.path.is_dir()
    }
}

impl Home {
    /// Opens the home at `path` or makes it. The first open of an empty home ties it to `key`.
    pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Home> {
        let home = Home { path: path.to_owned() };
        let refused = |error: io::Error| about(path, error);
        if !path.is_dir() {
            private_folder(path, true).map_err(refused)?;
        }
        match fs::read(path.join(CHECK)) {
            Ok(check) if check.len() != CHECK_LENGTH && home.is_key_of_an_account(key)? => {
                fs::remove_file(path.join(CHECK)).map_err(refused)?;
                home.adopt(key)?;
            }
            Ok(check) => verify(&path.join(CHECK), &check, key)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !home.folders()?.is_empty() && !home.is_key_of_an_account(key)? {
                    return Err(Error::about(
                        ErrorKind::DamagedStore,
                        format!("{} is missing", path.join(CHECK).display()),
                    ));
                }
                home.adopt(key)?;
            }
            Err(error) => return Err(refused(error)),
        }
        if !home.accounts().is_dir() {
            // Of several processes that begin at once each finds it made.
            private_folder(&home.accounts(), true).map_err(refused)?;
        }
        Ok(home)
    }

    /// Whether the key opens a database here; only asked where `key.check` cannot say it.
    fn is_key_of_an_account(&self, key: &StoreKey) -> Result<bool> {
        Ok(self.folders()?.iter().any(|folder| salvage::is_key_of(&folder.database(), key)))
    }

    /// Where Tor keeps what it knows of its network; made by it, and nothing of any account.
    pub(crate) fn tor(&self) -> PathBuf {
        self.path.join("tor")
    }

    /// Whether a home at `path` holds an account, readable or not.
    pub(crate) fn has_accounts(path: &Path) -> Result<bool> {
        Ok(!Home { path: path.to_owned() }.folders()?.is_empty())
    }

    /// The folders of all accounts.
    pub(crate) fn folders(&self) -> Result<Vec<AccountFolder>> {
        let entries = match fs::read_dir(self.accounts()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(about(&self.path, error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| about(&self.path, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if ours && entry.path().is_dir() {
                folders.push(AccountFolder { name, path: entry.path() });
            }
        }
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(folders)
    }

    /// Builds a new account's folder under a passing name and shows it whole, or not at all. `fill` writes the first rows.
    /// The caller holds [`Home::exclusive`].
    pub(crate) fn build(&self, key: &StoreKey, fill: impl FnOnce(&mut Store) -> Result<()>) -> Result<AccountFolder> {
        self.sweep();
        let name = random_name()?;
        let partial = self.accounts().join(format!("{PARTIAL}{name}"));
        let built = self.build_in(&partial, key, fill);
        let shown = built.and_then(|()| {
            let path = self.accounts().join(&name);
            fs::rename(&partial, &path)
                .and_then(|()| sync_folder(&self.accounts()))
                .and_then(|()| sync_folder(&self.path))
                .map_err(|error| about(&self.path, error))?;
            self.sync_above();
            Ok(AccountFolder { name, path })
        });
        if shown.is_err() {
            self.sweep();
        }
        shown
    }

    fn build_in(&self, partial: &Path, key: &StoreKey, fill: impl FnOnce(&mut Store) -> Result<()>) -> Result<()> {
        let refused = |error: io::Error| about(&self.path, error);
        private_folder(partial, false).map_err(refused)?;
        let folder = AccountFolder { name: String::new(), path: partial.to_owned() };
        private_file(&folder.lease()).map_err(refused)?;
        let mut store = Store::create(&folder.database(), key)?;
        fill(&mut store)?;
        store.checkpoint()?;
        drop(store);
        sync_folder(partial).map_err(refused)
    }

    /// Takes an account out of sight at once, then wipes its files. The caller holds [`Home::exclusive`] and the lease.
    pub(crate) fn wipe(&self, folder: &AccountFolder) -> Result<()> {
        let hidden = self.accounts().join(format!("{PARTIAL}{}", folder.name));
        let refused = |error: io::Error| about(&self.path, error);
        fs::rename(&folder.path, &hidden).and_then(|()| sync_folder(&self.accounts())).map_err(refused)?;
        fs::remove_dir_all(&hidden).map_err(refused)
    }

    /// The right to add or wipe accounts, among all processes; ends when dropped.
    pub(crate) fn exclusive(&self) -> Result<File> {
        let refused = |error: io::Error| about(&self.path, error);
        let lock = File::open(self.accounts()).map_err(refused)?;
        lock.lock().map_err(refused)?;
        Ok(lock)
    }

    fn accounts(&self) -> PathBuf {
        self.path.join("accounts")
    }

    /// Makes the home's own name last, and those of the folders above, which may be as new. Of folders that may not be
    /// read the system's own care must do.
    fn sync_above(&self) {
        for folder in self.path.ancestors().skip(1) {
            let _ = sync_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        }
    }

    /// Removes what a crash left half built or half wiped.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.accounts()) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PARTIAL)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }

    /// Ties an empty home to `key`. The file appears whole or not at all; of two processes one wins and both compare.
    fn adopt(&self, key: &StoreKey) -> Result<()> {
        let refused = |error: io::Error| about(&self.path, error);
        let check = self.path.join(CHECK);
        let passing = self.path.join(format!("{PARTIAL}{}", random_name()?));
        let written = (|| {
            let mut file = private_file(&passing)?;
            file.write_all(&mac(key).finalize().into_bytes())?;
            file.sync_all()?;
            // A link never replaces what another process made meanwhile, a rename would.
            match fs::hard_link(&passing, &check) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        })();
        let _ = fs::remove_file(&passing);
        written.and_then(|()| sync_folder(&self.path)).map_err(refused)?;
        // The folder may be one that a person made; it is ours from now on.
        let _ = fs::set_permissions(&self.path, Permissions::from_mode(0o700));
        verify(&check, &fs::read(&check).map_err(refused)?, key)
    }
}

fn mac(key: &StoreKey) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.0.as_slice()).expect("HMAC takes keys of any length");
    mac.update(LABEL);
    mac
}

fn verify(path: &Path, check: &[u8], key: &StoreKey) -> Result<()> {
    if check.len() != CHECK_LENGTH {
        return Err(Error::about(ErrorKind::DamagedStore, path.display().to_string()));
    }
    mac(key).verify_slice(check).map_err(|_| ErrorKind::WrongKey.into())
}

pub(super) fn random_name() -> Result<String> {
    let mut bytes = [0u8; 8];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| ErrorKind::Internal)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn private_folder(path: &Path, parents: bool) -> io::Result<()> {
    DirBuilder::new().recursive(parents).mode(0o700).create(path)
}

pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the names in a folder last.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What the system's refusal means for a person.
pub(crate) fn about(path: &Path, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    let kind = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::DiskFull,
        Io::PermissionDenied | Io::ReadOnlyFilesystem | Io::NotADirectory | Io::AlreadyExists => {
            ErrorKind::ReadOnlyHome
        }
        _ => ErrorKind::File,
    };
    Error::about(kind, path.display().to_string())
}
