//! The engine of Dunnock.
#![forbid(unsafe_code)]

pub mod command;
pub mod error;
pub mod model;
pub mod redact;
mod wire;

pub use error::{Error, ErrorKind, Result};
