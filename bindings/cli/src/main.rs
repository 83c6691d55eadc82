//! The command `dunnock`.
fn main() {}
