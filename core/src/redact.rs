//! Names for logs that give nobody away.

use sha2::{Digest, Sha256};
use std::fmt;

/// Something personal: it can be used, but not printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Redacted<T>(pub T);

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Four hex digits that stand for an account in a log; made from the random name of its folder, so from nothing personal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccountTag([u8; 2]);

impl AccountTag {
    /// The tag of the account whose folder is called `folder`.
    pub fn of_folder(folder: &str) -> Self {
        let digest = Sha256::digest(folder.as_bytes());
        AccountTag([digest[0], digest[1]])
    }
}

impl fmt::Display for AccountTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}", self.0[0], self.0[1])
    }
}

impl fmt::Debug for AccountTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
