//! Stories of the wire, told to a server in memory.

mod bad_input;
mod bind;
mod errors;
pub(super) mod fake;
mod flights;
mod hour;
mod known;
mod left;
mod limits;
mod logins;
mod network;
mod plain;
mod portal;
mod reader;
mod renewals;
mod sessions;
mod setup;
mod silence;
mod tokens;
mod ventures;
