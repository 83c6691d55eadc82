//! The engine of Dunnock: everything but a face.
//!
//! A face opens a [`Client`] on a home folder with a [`StoreKey`], asks it for an [`Account`], sends [`command::Command`]s by
//! [`Account::call`], and shows what [`Account::watch_timeline`] and its sisters give again and again. Plain types are in
//! [`model`]; every failure is one [`ErrorKind`] with its cause and remedy.
//!
//! Behind that, each account is two halves. The *wire* (`wire/`, on `net/`) is a task that owns the socket. The *brain*
//! (`brain/`) is a thread that owns the database (`store/`): stanzas and commands go into `engine/`, one transaction
//! happens, and only after its commit are stanzas acknowledged, rows sent and screens woken (`hub`, `query/`). Among several
//! processes on one home the `lease` says whose wire it is, and the `bell` tells the others of a commit.
#![forbid(unsafe_code)]

mod account;
mod address;
mod bell;
#[cfg(feature = "bench")]
pub mod bench;
mod brain;
mod client;
#[cfg(test)]
mod client_tests;
mod clock;
pub mod command;
mod engine;
pub mod error;
#[cfg(any(test, feature = "fuzz"))]
#[cfg_attr(test, allow(dead_code, unreachable_pub))]
pub mod fuzz;
mod hub;
mod killpoint;
mod lease;
pub mod lifecycle;
pub mod log;
pub mod model;
mod net;
pub mod password;
mod pin;
pub mod query;
pub mod redact;
mod route;
#[cfg(test)]
mod scratch;
mod seal;
mod store;
mod sync;
mod wire;
mod workers;

pub use account::Account;
pub use client::{Client, Damaged, NewAccount};
pub use error::{Error, ErrorKind, Result};
pub use route::Route;
pub use store::StoreKey;
pub use wire::Limits;
