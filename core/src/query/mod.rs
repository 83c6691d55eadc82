//! What screens show: SELECT only, on connections that cannot write. One window a file.
//!
//! [`Query`] produces a window again after a commit that touches it, also one of another process.

mod account;
mod alarms;
mod chat_list;
mod connection;
mod contacts;
mod devices;
mod events;
mod notifications;
mod outgoing;
mod push;
mod rooms;
mod search;
mod server;
#[cfg(test)]
mod tests;
mod timeline;
mod tor;
mod window;

pub(crate) use account::{account, password, password_stays, route};
pub(crate) use alarms::{alarms, own_device_events};
pub(crate) use chat_list::chat_list;
pub(crate) use connection::connection;
pub(crate) use contacts::contacts;
pub(crate) use devices::{device_uri, devices, trust_rule};
pub use events::Events;
pub(crate) use notifications::{notifications, round};
pub(crate) use outgoing::is_quiet;
pub(crate) use push::{is_node, push};
pub(crate) use rooms::{members, rooms};
pub(crate) use search::search;
pub(crate) use server::server;
#[cfg(test)]
pub(crate) use timeline::{COLUMNS, row};
pub(crate) use timeline::{held_by, item, timeline};
pub(crate) use tor::TorBoard;
pub use tor::TorQuery;
pub(crate) use window::Produce;
pub use window::{Ender, Query};

/// The most rows that a window holds.
pub const WINDOW: u32 = 200;
