//! The fuzz targets of the OMEMO crate, for libFuzzer.
#![allow(clippy::unwrap_used)]

#[path = "../tests/device/mod.rs"]
mod device;
pub mod targets;
#[path = "../tests/world/mod.rs"]
mod world;
