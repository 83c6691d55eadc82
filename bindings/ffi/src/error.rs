//! Failures as they cross: the kind, what it is about, and what a person can do.

use dunnock_core::{Error, ErrorKind};
use std::fmt;

/// Why a call failed.
#[derive(uniffi::Error)]
pub enum DunnockError {
    /// The call was not carried out, unless the kind says otherwise.
    Failed {
        /// What went wrong.
        kind: ErrorKind,
        /// The thing it is about (a host, a file, an account), never content; may be empty. Personal: show it, never log it.
        subject: String,
        /// What the person can do, in English; the same as `errorRemedy(kind)`.
        remedy: String,
    },
}

/// The crate's result.
pub(crate) type Result<T> = std::result::Result<T, DunnockError>;

impl From<Error> for DunnockError {
    fn from(error: Error) -> Self {
        DunnockError::Failed { kind: error.kind, subject: error.subject, remedy: error.kind.remedy().to_owned() }
    }
}

impl From<ErrorKind> for DunnockError {
    fn from(kind: ErrorKind) -> Self {
        Error::from(kind).into()
    }
}

/// Names the kind only: the subject is personal.
impl fmt::Debug for DunnockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DunnockError::Failed { kind, .. } = self;
        write!(f, "DunnockError({})", kind.code())
    }
}

impl fmt::Display for DunnockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DunnockError::Failed { kind, remedy, .. } = self;
        write!(f, "{}; {remedy}", kind.cause())
    }
}

impl std::error::Error for DunnockError {}

macro_rules! declared {
    ($($name:ident $code:tt $cause:tt $remedy:tt;)*) => {
        /// Every kind of failure.
        #[uniffi::remote(Enum)]
        pub enum ErrorKind {
            $(#[doc = $cause] #[doc = ""] #[doc = $remedy] $name,)*
        }
    };
}

dunnock_core::error_kinds!(declared);

/// The stable name of a kind, in snake case.
#[uniffi::export]
pub fn error_code(kind: ErrorKind) -> String {
    kind.code().to_owned()
}

/// The kind of this stable name, as rows and connections carry it; null if this version knows none such.
#[uniffi::export]
pub fn error_kind(code: String) -> Option<ErrorKind> {
    ErrorKind::from_code(&code)
}

/// Why this kind of failure happens, in English.
#[uniffi::export]
pub fn error_cause(kind: ErrorKind) -> String {
    kind.cause().to_owned()
}

/// What a person can do about it, in English.
#[uniffi::export]
pub fn error_remedy(kind: ErrorKind) -> String {
    kind.remedy().to_owned()
}
