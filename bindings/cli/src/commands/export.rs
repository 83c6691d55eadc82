//! `export`: what can still be read, as JSON lines.

use crate::args::Global;
use crate::out::{Out, Stop, written};
use crate::safe::line;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::{Client, Error, ErrorKind, Result};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

#[derive(Serialize)]
struct Exported {
    rows: u64,
}

/// Writes all rows to a file that must not exist, for its owner only; or to standard output.
pub(crate) fn export(global: &Global, path: &Path, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let source = source(client, global)?;
        if path == Path::new("-") {
            let mut stdout = BufWriter::new(io::stdout().lock());
            source(&mut stdout)?;
            return written(stdout.flush());
        }
        let file = create(path).map_err(|error| failed(path, &error))?;
        let rows = save(source, file, path)?;
        out.print(&Exported { rows }, |_| {
            format!(
                "{} rows are in {}, readable by anyone who gets it",
                show::thousands(rows),
                line(&path.display().to_string())
            )
        })
    })
}

/// What writes the rows: the account, or what is left of a damaged one.
type Source = Box<dyn FnOnce(&mut dyn Write) -> Result<u64>>;

fn source(client: &Client, global: &Global) -> Result<Source> {
    match session::damaged(client, global)? {
        Some(damaged) => Ok(Box::new(move |out| damaged.export(out))),
        None => {
            let account = session::account(client, global)?;
            Ok(Box::new(move |out| account.export(out)))
        }
    }
}

fn save(source: Source, file: File, path: &Path) -> Result<u64> {
    let mut writer = BufWriter::new(file);
    let rows = source(&mut writer)?;
    let file = writer.into_inner().map_err(|error| failed(path, error.error()))?;
    file.sync_all().map_err(|error| failed(path, &error))?;
    Ok(rows)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
        _ => ErrorKind::File,
    };
    Error::about(kind, format!("{} ({})", path.display(), error.kind()))
}
