//! The program from outside: its contract, its documents, and how it behaves where no server is needed.

mod contract;
mod docs;
mod program;
mod rpc;
mod support;
