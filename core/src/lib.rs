//! The engine of Dunnock.
#![forbid(unsafe_code)]

mod account;
mod client;
pub mod command;
mod engine;
pub mod error;
mod killpoint;
pub mod lifecycle;
pub mod log;
pub mod model;
mod net;
pub mod query;
pub mod redact;

mod seal;
mod store;
mod wire;

pub use account::Account;
pub use client::{Client, Damaged, NewAccount};
pub use error::{Error, ErrorKind, Result};
pub use store::StoreKey;
pub use wire::Limits;
