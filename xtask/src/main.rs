//! The commands `cargo xtask …`.
fn main() {}
