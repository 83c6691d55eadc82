//! What tests want people to know even when they pass: seeds, counts and figures, shown in the table of `cargo xtask test`.

use std::io::Write;

/// Adds a line to the report, or nothing when no one asked for one (`DUNNOCK_REPORT`).
pub fn note(line: &str) {
    eprintln!("{line}");
    let Some(path) = std::env::var_os("DUNNOCK_REPORT") else { return };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    if let Ok(mut file) = file {
        // One write, so that lines of several test programs do not mix.
        let _ = file.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes());
    }
}
