//! Stories with real servers and real clients. Started by `cargo xtask test`, which runs all of them against Prosody 13,
//! all but `omemo_peer` against the distribution's Prosody too, and `omemo_peer` with slixmpp and python-omemo.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod omemo_peer;
mod server;
