//! Dunnock for Kotlin and Swift: the only crate that will know UniFFI.
//!
//! It exports nothing yet. `dunnock-core`'s `Client`, `Account`, `Query` and `Events` have the shape that it passes on:
//! plain records, handles that are pulled from, and `end()` on each of them.
#![forbid(unsafe_code)]
