//! Where the programs lie that the live tests start, as `cargo xtask test` says in the environment.

use std::path::PathBuf;

/// The folder of a Prosody copy, with the scripts `prosody` and `prosodyctl` (`DUNNOCK_PROSODY`).
pub fn prosody() -> PathBuf {
    demanded("DUNNOCK_PROSODY")
}

/// The folder of an ejabberd copy, with the script `ejabberd` and the tables `lite.sql` (`DUNNOCK_EJABBERD`).
pub fn ejabberd() -> PathBuf {
    demanded("DUNNOCK_EJABBERD")
}

/// A Python that knows slixmpp and python-omemo (`DUNNOCK_PYTHON`).
pub fn python() -> PathBuf {
    demanded("DUNNOCK_PYTHON")
}

/// The folder with the programs of a private Tor network: `tor`, `tor-gencert`, `nft` (`DUNNOCK_TOR`).
pub fn tor() -> PathBuf {
    demanded("DUNNOCK_TOR")
}

/// The program `dunnock` (`DUNNOCK_BIN`).
pub fn dunnock() -> PathBuf {
    demanded("DUNNOCK_BIN")
}

/// Whether the long forms of the live tests are wanted (`DUNNOCK_SOAK=full`, set by `cargo xtask soak`).
pub fn is_soak() -> bool {
    std::env::var("DUNNOCK_SOAK").is_ok_and(|value| value == "full")
}

fn demanded(name: &str) -> PathBuf {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => panic!("{name} is not set: live tests are started by `cargo xtask test`, which fetches what they need"),
    }
}
