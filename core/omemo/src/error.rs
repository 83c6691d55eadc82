//! What can go wrong, told apart only where a caller acts differently.

use std::fmt;

/// Why an operation was refused; whatever the reason, no state has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Bytes from the network that are no OMEMO message, key or bundle: drop them and count.
    Malformed,
    /// A public key of small order, out of range, or with bit 255 set: treat its owner's bundle or message as unusable.
    WeakKey,
    /// A signed pre-key whose signature does not belong to the identity key: do not use the bundle, fetch it again later.
    BadSignature,
    /// The bundle offers no one-time pre-key, without which OMEMO forbids a key exchange: fetch it again later.
    NoPreKey,
    /// The key exchange names a one-time pre-key that we do not have (used up, or never ours): build a fresh session.
    UnknownPreKey,
    /// The key exchange names a signed pre-key that we do not have any more: build a fresh session.
    UnknownSignedPreKey,
    /// The key exchange shows another identity than the session, or our own: show a changed key, do not decrypt.
    IdentityMismatch,
    /// The key for this counter was used or has been evicted: a repeated delivery, to be ignored silently.
    AlreadyRead,
    /// The message lies more than [`MAX_SKIP`](crate::MAX_SKIP) ahead in its chain: show it as unreadable; a fresh session heals.
    TooManySkipped,
    /// Authentication failed: forged, damaged, or meant for another session; try archived sessions, then show it as unreadable.
    Forged,
    /// The sending chain has no counter left: build a fresh session.
    WornOut,
    /// Stored bytes that this crate never wrote: the database is damaged, or from a later version.
    Corrupt,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Malformed => "not an OMEMO message, key or bundle",
            Error::WeakKey => "weak or non-canonical public key",
            Error::BadSignature => "the signed pre-key's signature does not verify",
            Error::NoPreKey => "the bundle has no one-time pre-key",
            Error::UnknownPreKey => "unknown one-time pre-key",
            Error::UnknownSignedPreKey => "unknown signed pre-key",
            Error::IdentityMismatch => "unexpected identity key",
            Error::AlreadyRead => "already read",
            Error::TooManySkipped => "too many skipped messages",
            Error::Forged => "authentication failed",
            Error::WornOut => "the sending chain is used up",
            Error::Corrupt => "stored state is damaged",
        })
    }
}

impl std::error::Error for Error {}

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
