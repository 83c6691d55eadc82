//! `cargo xtask soak`: the long forms of the live tests, with the full numbers.

use crate::Result;
use crate::test::{self, Choice};
use std::process::ExitCode;

/// Runs the live tests whose name contains the given word, or all, in their long form.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let only = match words {
        [] => None,
        [name] if !name.starts_with('-') => Some((*name).to_owned()),
        _ => return Err("usage: cargo xtask soak [NAME]".to_owned()),
    };
    test::run(&Choice { quick: false, only, soak: true })
}
