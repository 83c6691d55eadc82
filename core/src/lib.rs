//! The engine of Dunnock.
#![forbid(unsafe_code)]

mod account;
mod bell;
mod brain;
mod client;
#[cfg(test)]
mod client_tests;
mod clock;
pub mod command;
mod engine;
pub mod error;
mod hub;
mod killpoint;
mod lease;
pub mod lifecycle;
pub mod log;
pub mod model;
mod net;
pub mod query;
pub mod redact;
#[cfg(test)]
mod scratch;
mod seal;
mod store;
mod wire;
mod workers;

pub use account::Account;
pub use client::{Client, Damaged, NewAccount};
pub use error::{Error, ErrorKind, Result};
pub use store::StoreKey;
pub use wire::Limits;
