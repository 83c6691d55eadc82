//! Where things lie when nobody says otherwise.
//!
//! The home goes to the platform's data folder and the key to its configuration folder: whoever copies or backs up the
//! one does not have the other with it.

use dunnock_core::{Error, ErrorKind, Result};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The home folder: `dunnock` in the data folder.
pub(crate) fn home() -> Result<PathBuf> {
    base("XDG_DATA_HOME", ".local/share", "--home").map(|base| base.join("dunnock"))
}

/// The key file: `dunnock/store.key` in the configuration folder.
pub(crate) fn key_file() -> Result<PathBuf> {
    base("XDG_CONFIG_HOME", ".config", "--key-file").map(|base| base.join("dunnock").join("store.key"))
}

/// The folder that `variable` names, else the platform's own under the user's folder. `option` is what the person can
/// give instead.
fn base(variable: &str, under_user: &str, option: &str) -> Result<PathBuf> {
    let user = if cfg!(windows) { "APPDATA" } else { "HOME" };
    let missing = || Error::about(ErrorKind::InvalidInput, format!("{option} (${user} is not set)"));
    choose(env::var_os(variable), env::var_os(user), under_user).ok_or_else(missing)
}

fn choose(named: Option<OsString>, user: Option<OsString>, under_user: &str) -> Option<PathBuf> {
    // The XDG specification: a relative path is to be ignored.
    let absolute = |path: &PathBuf| path.is_absolute();
    if let Some(named) = named.map(PathBuf::from).filter(absolute) {
        return Some(named);
    }
    let user = user.map(PathBuf::from).filter(absolute)?;
    Some(if cfg!(windows) {
        user
    } else if cfg!(target_os = "macos") {
        user.join("Library/Application Support")
    } else {
        user.join(under_user)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_named_folder_goes_first_unless_it_is_relative() {
        let user = Some(OsString::from("/home/j"));
        let choice = |named: &str| choose(Some(named.into()), user.clone(), ".config").unwrap();
        assert_eq!(choice("/elsewhere"), PathBuf::from("/elsewhere"));
        assert_eq!(choice("here"), PathBuf::from("/home/j/.config"));
        assert_eq!(choice(""), PathBuf::from("/home/j/.config"));
        assert_eq!(choose(None, None, ".config"), None);
    }
}
