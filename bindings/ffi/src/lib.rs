//! Dunnock for Kotlin and Swift.
