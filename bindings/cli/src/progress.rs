//! The line on a terminal that tells how far a catch-up, or the start of Tor, is. It stands on standard error and is taken away before
//! anything else is printed.

use crate::show;
use dunnock_core::model::{Connection, State, TorState, TorStatus};
use std::io::{self, IsTerminal, Write};

/// What is on the line now.
pub(crate) struct Progress {
    terminal: bool,
    shown: bool,
    /// Whether the end of this stream's catch-up was told.
    told: bool,
}

impl Progress {
    /// Shows nothing where standard error is not a terminal.
    pub(crate) fn new() -> Self {
        Progress { terminal: io::stderr().is_terminal(), shown: false, told: false }
    }

    /// Takes the line away, so that something else can be printed.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }

    /// Shows how far the catch-up on this connection is.
    pub(crate) fn show(&mut self, connection: &Connection) {
        if !self.terminal {
            return;
        }
        if let Some(text) = self.text(connection) {
            self.clear();
            let _ = write!(io::stderr(), "{text}");
            if self.told {
                let _ = writeln!(io::stderr());
            } else {
                self.shown = true;
            }
        }
    }

    /// Shows how far the start of Tor is; nothing once it carries streams.
    pub(crate) fn show_tor(&mut self, tor: &TorStatus) {
        if !self.terminal {
            return;
        }
        self.clear();
        if let Some(text) = bar(tor) {
            let _ = write!(io::stderr(), "{text}");
            self.shown = true;
        }
    }

    fn text(&mut self, connection: &Connection) -> Option<String> {
        if connection.state != State::Online {
            self.told = false;
            return None;
        }
        let count = show::thousands(connection.caught.into());
        let messages = if connection.caught == 1 { "message" } else { "messages" };
        match (connection.caught_up, self.told) {
            (true, false) => {
                self.told = true;
                Some(format!("caught up {count} {messages}"))
            }
            (false, false) if connection.caught > 0 => Some(format!("catching up, {count} {messages} so far")),
            _ => None,
        }
    }
}

/// `Tor [######--------------] 30 %`, and why it gets no further.
fn bar(tor: &TorStatus) -> Option<String> {
    const WIDTH: usize = 20;
    if tor.state != TorState::Starting {
        return None;
    }
    let full = usize::from(tor.percent.min(100)) * WIDTH / 100;
    let why = match tor.blocked.as_deref() {
        None => "",
        Some("offline") => ", there seems to be no network",
        Some("filtered") => ", something on the way seems to block it",
        Some("clock") => ", this device's clock seems to be wrong",
        Some(_) => ", it gets no answer",
    };
    Some(format!("Tor [{}{}] {} %{why}", "#".repeat(full), "-".repeat(WIDTH - full), tor.percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_tor_is_a_bar_until_it_is_over() {
        let at = |state, percent, blocked: Option<&str>| {
            bar(&TorStatus { state, percent, blocked: blocked.map(str::to_owned) })
        };
        assert_eq!(at(TorState::Starting, 30, None).unwrap(), "Tor [######--------------] 30 %");
        assert!(
            at(TorState::Starting, 0, Some("clock")).unwrap().ends_with("0 %, this device's clock seems to be wrong")
        );
        assert_eq!(at(TorState::Ready, 100, None), None);
        assert_eq!(at(TorState::Off, 0, None), None);
    }

    fn online(caught: u32, caught_up: bool) -> Connection {
        Connection {
            state: State::Online,
            proof: None,
            archive: None,
            resumable: None,
            error: None,
            about: None,
            caught_up,
            caught,
        }
    }

    #[test]
    fn the_end_of_a_catch_up_is_told_once_a_stream() {
        let mut progress = Progress { terminal: true, shown: false, told: false };
        assert_eq!(progress.text(&online(0, false)), None);
        assert_eq!(progress.text(&online(1200, false)).unwrap(), "catching up, 1,200 messages so far");
        assert_eq!(progress.text(&online(1240, true)).unwrap(), "caught up 1,240 messages");
        assert_eq!(progress.text(&online(1240, true)), None);
        let gone = Connection { state: State::Connecting, ..online(1240, false) };
        assert_eq!(progress.text(&gone), None);
        assert_eq!(progress.text(&online(1, true)).unwrap(), "caught up 1 message");
    }
}
