//! What is printed: results on standard output, the one last line on standard error.

use crate::safe;
use dunnock_core::{Error, ErrorKind};
use serde::Serialize;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command ends before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed.
    Failed(Error),
    /// Nobody reads our output any more; not a failure, and nothing to say.
    Unread,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

impl From<ErrorKind> for Stop {
    fn from(kind: ErrorKind) -> Self {
        Stop::Failed(kind.into())
    }
}

/// Standard output, in the form that was asked for.
pub(crate) struct Out {
    json: bool,
}

impl Out {
    /// Prints JSON lines, or lines for people.
    pub(crate) fn new(json: bool) -> Self {
        Out { json }
    }

    /// Prints one result: as a JSON object, or as what `human` makes of it. `human` has made safe what came from outside.
    pub(crate) fn print<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), Stop> {
        let text = if self.json { encode(value) } else { human(value) };
        if text.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        written(out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
    }

    /// Tells a person something beside the result; scripts find it where it is stored. `text` is safe.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "dunnock: {text}");
        }
    }

    /// Says why the command failed, and gives the exit status.
    pub(crate) fn end(&self, result: Result<(), Stop>) -> ExitCode {
        match result {
            Ok(()) | Err(Stop::Unread) => ExitCode::SUCCESS,
            Err(Stop::Failed(error)) => {
                let text = if self.json { encode(&failure(&error)) } else { safe::line(&format!("dunnock: {error}")) };
                // With standard error gone as well the exit status alone has to say it.
                let _ = writeln!(io::stderr(), "{text}");
                ExitCode::from(1)
            }
        }
    }
}

/// What a write to standard output means for the command.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Stop> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Stop::Unread),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            Err(Error::about(ErrorKind::DiskFull, "standard output").into())
        }
        Err(_) => Err(Error::about(ErrorKind::File, "standard output").into()),
    }
}

/// One line of JSON, harmless on a terminal.
pub(crate) fn encode<T: Serialize>(value: &T) -> String {
    safe::json(&serde_json::to_string(value).expect("rows have string keys and no failing fields"))
}

/// An error as scripts see it.
fn failure(error: &Error) -> serde_json::Value {
    json!({ "kind": error.kind.code(), "subject": error.subject, "remedy": error.kind.remedy() })
}

/// Prints what is wrong with the command line, or the help that was asked for.
pub(crate) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() {
        return ExitCode::from(if error.print().is_ok() { 0 } else { 1 });
    }
    if json {
        // The first paragraph says what is wrong; the usage follows it.
        let text = error.to_string();
        let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let first = first.join(" ");
        let error = Error::about(ErrorKind::InvalidInput, first.strip_prefix("error: ").unwrap_or(&first));
        let _ = writeln!(io::stderr(), "{}", encode(&failure(&error)));
    } else {
        let _ = error.print();
    }
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_kind_subject_and_remedy() {
        let value = failure(&Error::about(ErrorKind::UnknownHost, "example.invalid"));
        assert_eq!(value["kind"], "unknown_host");
        assert_eq!(value["subject"], "example.invalid");
        assert_eq!(value["remedy"], ErrorKind::UnknownHost.remedy());
    }
}
