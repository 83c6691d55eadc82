//! The program from outside: its contract, its documents, and how it behaves where no server is needed.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod contract;
mod docs;
mod home;
mod program;
mod rpc;
mod support;
