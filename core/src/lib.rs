//! The engine of Dunnock.
#![forbid(unsafe_code)]

pub mod command;
mod engine;
pub mod error;
pub mod model;
pub mod redact;
mod store;
mod wire;

pub use error::{Error, ErrorKind, Result};
