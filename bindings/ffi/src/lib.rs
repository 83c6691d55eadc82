//! Dunnock for Kotlin and Swift: the only crate that knows UniFFI.
//!
//! [`open_client`] opens a home and gives a [`Client`], that gives [`Account`]s, and these give windows that are pulled by
//! `next()`: whole snapshots, so an app that lags misses states in between and never a change. Records and enums are the
//! core's own. Whatever may wait for a disk or a network is a suspending function and fails with [`DunnockError`] only,
//! also when something inside of it panics (kind `Crashed`).
//!
//! Every handle has `end()` beside the languages' own ways of giving it up, because those do not wake who waits in `next()`.
//! After [`Client::end`] all that came from it answers with the kind `Ended`.
//!
//! There is one runtime, the core's: the app's executor only polls the answer, so a call that was cancelled is carried out
//! to its end all the same, and what is waited for with `next()` is still there at the next one.

uniffi::setup_scaffolding!("dunnock");

mod account;
mod client;
mod error;
mod export;
mod guard;
mod held;
mod model;
mod watch;

pub use account::{Account, SentMessage};
pub use client::{Client, DamagedAccount, NewAccount, open_client};
pub use error::{DunnockError, error_cause, error_code, error_kind, error_remedy};
pub use model::{DeviceView, parse_route, route_text};
pub use watch::{ChatsQuery, ConnectionQuery, ContactsQuery, DevicesQuery, Events, PushQuery, TimelineQuery, TorQuery};

/// The version of this engine.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
