//! `docs/errors.md` is made from the error kinds of the core. `DUNNOCK_WRITE_DOCS=1 cargo test -p dunnock docs` makes it anew.

use dunnock_core::ErrorKind;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# What can go wrong

Every failure has one of these kinds: `data.kind` of an RPC error, `kind` of the line that `--json` puts on standard
error, `error` of a message or connection that stands still. The line for people has the same words. This file is made
from `core/src/error.rs` and a test holds it to that.

| kind | what happened | what to do |
|---|---|---|
";

#[test]
fn the_table_of_errors_is_current() {
    let mut table = HEAD.to_owned();
    for kind in ErrorKind::ALL {
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(table, "| `{}` | {} | {} |", kind.code(), cell(kind.cause()), cell(kind.remedy())).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("DUNNOCK_WRITE_DOCS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == table, "docs/errors.md is out of date: DUNNOCK_WRITE_DOCS=1 cargo test -p dunnock docs");
}
