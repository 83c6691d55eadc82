//! What is remembered of an account's server, and what happened with its key.

use dunnock_core::model::{Server, ServerChange, ServerChangeKind, ServerKey, Time};

/// What is remembered of an account's server.
#[uniffi::remote(Record)]
pub struct Server {
    /// The key of its certificate at the last login.
    pub key: Option<ServerKey>,
    /// When that key was first met.
    pub since: Option<Time>,
    /// The version of TLS as XEP-0515 writes it: `0304` is 1.3.
    pub tls: String,
    /// How the best login was bound to its connection: `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929).
    pub binding: Option<String>,
    /// Whether it confirmed inside of a login what it offered (XEP-0474).
    pub confirms_offer: bool,
    /// The mechanism of the last login.
    pub mechanism: String,
    /// Since when the password itself may go to it (PLAIN), if a person allowed that.
    pub plain_login: Option<Time>,
    /// Since when it contradicts what it proved before, if it does: until a person accepts that, nothing is connected.
    pub contradiction: Option<Time>,
    /// What happened with its key, newest first, at most 50.
    pub changes: Vec<ServerChange>,
}

/// A key that a server showed.
#[uniffi::remote(Record)]
pub struct ServerKey {
    /// SHA-256 of the public key (SubjectPublicKeyInfo), 64 hex digits.
    pub key: String,
    /// Who signed the certificate, as that says.
    pub issuer: String,
}

/// Something that happened with a server's key.
#[uniffi::remote(Record)]
pub struct ServerChange {
    /// What.
    pub kind: ServerChangeKind,
    /// When.
    pub at: Time,
    /// The key that was remembered.
    pub before: Option<ServerKey>,
    /// The key that was shown.
    pub after: Option<ServerKey>,
    /// Of a contradiction: the kind of what was missing or wrong.
    pub because: Option<String>,
}

/// What happened with a server's key.
#[uniffi::remote(Enum)]
pub enum ServerChangeKind {
    /// A new key, shown by a login that was bound to it: nothing to worry about.
    Renewed,
    /// A new key for which only its certificate speaks; the server never bound a login.
    RenewedUnproved,
    /// A login did not fit what the server proved before; it was given up.
    Contradiction,
    /// A person took the server as it is.
    Accepted,
}
