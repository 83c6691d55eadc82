//! What an account logs in with, and what is left of it between two logins.
//!
//! Parts are shared, never copied; they are wiped with their last holder.

use super::scram::Hash;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The parts that there are. At least one of password and keys is needed for a login that a server does not know a token of.
#[derive(Clone, Default)]
pub(crate) struct Secret {
    /// As a person typed it, or as it was generated.
    pub password: Option<Arc<Zeroizing<String>>>,
    /// Made from it in an earlier login.
    pub keys: Option<Arc<Keys>>,
    /// Given by the server.
    pub token: Option<Arc<Token>>,
    /// Which password all this is of: grows when a person gives another one.
    pub version: i64,
}

/// What SCRAM makes of a password (RFC 5802 §3): enough for a login, and nothing that opens another account.
pub(crate) struct Keys {
    pub hash: Hash,
    pub salt: Vec<u8>,
    pub iterations: u32,
    pub client: Zeroizing<Vec<u8>>,
    pub server: Zeroizing<Vec<u8>>,
}

/// A token of XEP-0484, good only with the mechanism that it was asked for.
pub(crate) struct Token {
    pub mechanism: String,
    pub text: Zeroizing<String>,
    /// When it ends, milliseconds since 1970; the server may end it earlier.
    pub expires: i64,
}

impl Secret {
    /// A password alone.
    pub(crate) fn password(password: &str) -> Secret {
        Secret { password: Some(Arc::new(Zeroizing::new(password.to_owned()))), ..Secret::default() }
    }

    /// The only hash that can be used, if there is one only.
    pub(crate) fn only(&self) -> Option<Hash> {
        self.keys.as_ref().filter(|_| self.password.is_none()).map(|keys| keys.hash)
    }
}
