//! The store: one SQLCipher file per account, and the only place that writes SQL.
//!
//! Every write goes through [`Tx`]; the row functions lie in one file a matter. Nothing here knows XML or the network.

pub(crate) mod account;
pub(crate) mod archive;
pub(crate) mod change;
pub(crate) mod chat;
pub(crate) mod contact;
mod credential;
pub(crate) mod device;
mod event;
mod export;
pub(crate) mod healing;
mod home;
pub(crate) mod member;
pub(crate) mod message;
mod notification;
mod open;
pub(crate) mod outgoing;
pub(crate) mod parcel;
pub(crate) mod push;
mod resumption;
pub(crate) mod room;
mod salvage;
mod server;
mod session;
mod suspect;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
mod tx;
pub(crate) mod want;
mod witness;

pub(crate) use export::export;
pub(crate) use home::{AccountFolder, Home, about};
pub use open::StoreKey;
pub(crate) use open::{Reader, Store};
pub(crate) use tx::{Touched, Tx};
pub(crate) use witness::Witness;
