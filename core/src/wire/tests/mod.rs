//! Stories of the wire, told to a server in memory.

mod fake;
mod logins;
mod reader;
mod sessions;
mod setup;
mod silence;
mod ventures;
