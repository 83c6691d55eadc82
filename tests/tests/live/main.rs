//! Stories with real servers and real clients. Started by `cargo xtask test`, which runs `server` against Prosody 13 and
//! against the distribution's Prosody, `omemo_peer` with slixmpp and python-omemo, `ejabberd` against that server, `push`
//! with an app server as a component, `rooms` on Prosody 13 and ejabberd with slixmpp, and `tor` over a private Tor network.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod ejabberd;
mod omemo_peer;
mod push;
mod rooms;
mod server;
mod tor;
