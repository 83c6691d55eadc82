//! Test harness of Dunnock: real servers, real peers, the real program, and everything that goes wrong between them.
//!
//! Each piece is one file. What a test starts ends with it, by process id; what it writes lies in a folder of its own that
//! goes away with it. Every wait has an end, and says at that end what it was waiting for and what it saw instead.
//!
//! The programs come from `cargo xtask test`, which names them in the environment ([`environment`]).

pub mod alone;
pub mod app_server;
pub mod archive;
pub mod certs;
pub mod commands;
#[cfg(test)]
mod doors;
pub mod dunnock;
pub mod ejabberd;
pub mod environment;
pub mod figures;
pub mod impostor;
pub mod json_process;
#[cfg(test)]
mod laws;
pub mod ledger;
pub mod middle;
pub mod names;
pub mod peer;
pub mod powerloss;
pub mod process;
pub mod prosody;
pub mod prosody_config;
pub mod proxy;
pub mod raw;
pub mod report;
pub mod scratch;
pub mod seed;
pub mod server;
pub mod talk;
pub mod tap;
pub mod tor_config;
pub mod tornet;
