//! The private server of a run, with pipes by which tests inside of the root folder can ask it for more.

use super::TARGET;
use crate::Result;
use crate::cargo::Cargo;
use crate::needs::{make_folder, output_of, target, write};
use crate::prosody::Prosody;
use crate::python;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// `test-server` of the test harness. It ends with this value, and also when this process is gone, because then nobody
/// writes to its standard input any more.
pub(super) struct Server {
    child: Child,
    input: Option<File>,
    /// Held so that the server's answers have somewhere to go between two runs of tests.
    _output: File,
}

/// In `target/swift`: what the server said when it was ready, the pipe to it, the pipe from it.
const PLACE: &str = "server.json";
const INPUT: &str = "server.in";
const OUTPUT: &str = "server.out";

impl Server {
    /// Starts it and waits until it is ready.
    pub(super) fn start(cargo: &Cargo) -> Result<Server> {
        cargo.build_whole()?;
        let folder = target().join("swift");
        make_folder(&folder)?;
        for name in [INPUT, OUTPUT] {
            let _ = fs::remove_file(folder.join(name));
            output_of(Command::new("mkfifo").arg(folder.join(name)))?;
        }
        // Opened both ways, a pipe waits for nobody.
        let open = |name: &str| File::options().read(true).write(true).open(folder.join(name));
        let opened = open(INPUT).and_then(|input| Ok((input, open(OUTPUT)?, File::open(folder.join(INPUT))?)));
        let (input, output, read_only) = opened.map_err(|error| format!("the test server's pipes: {error}"))?;
        let lines = output.try_clone().map_err(|error| format!("the test server's pipes: {error}"))?;
        let ours = output.try_clone().map_err(|error| format!("the test server's pipes: {error}"))?;
        let mut command = Command::new(cargo.program("test-server", "debug"));
        command.stdin(read_only).stdout(lines);
        command.env("DUNNOCK_PROSODY", &Prosody::thirteen()?.folder).env("DUNNOCK_PYTHON", python::with_peers()?);
        cargo.equip(&mut command);
        let child = command.spawn().map_err(|error| format!("the test server does not start: {error}"))?;
        let mut server = Server { child, input: Some(input), _output: output };
        let first = server.first_line(ours)?;
        server.publish(&first)?;
        Ok(server)
    }

    /// What it says when it is ready. A pipe that we hold open ourselves never ends, so the process is looked after too.
    fn first_line(&mut self, output: File) -> Result<String> {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(line);
        });
        loop {
            match receiver.recv_timeout(Duration::from_millis(200)) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) if self.child.try_wait().is_ok_and(|ended| ended.is_none()) => {}
                Err(_) => return Err("the test server ended before it was ready".to_owned()),
            }
        }
    }

    /// Lays the line where tests find it, and beside it the authority, which lies outside of what they see.
    fn publish(&self, line: &str) -> Result<()> {
        let folder = target().join("swift");
        let authority = text_field(line, "ca").ok_or_else(|| format!("the test server said: {line}"))?;
        fs::copy(authority, folder.join("ca.pem")).map_err(|error| format!("{authority}: {error}"))?;
        write(&folder.join(PLACE), line)
    }

    /// What tests need to know.
    pub(super) fn environment(&self) -> [(&'static str, String); 4] {
        let inside = |name: &str| format!("{TARGET}/swift/{name}");
        [
            ("DUNNOCK_SERVER", inside(PLACE)),
            ("DUNNOCK_SERVER_IN", inside(INPUT)),
            ("DUNNOCK_SERVER_OUT", inside(OUTPUT)),
            ("DUNNOCK_CA", inside("ca.pem")),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// A text of a flat JSON object; paths of our own scratch folders hold nothing that JSON writes differently.
fn text_field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let rest = line.split_once(&format!("\"{name}\":\""))?.1;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_first_line_is_found() {
        let line = r#"{"ca":"/tmp/x/ca.pem","domain":"verona.test","port":5222}"#;
        assert_eq!(text_field(line, "ca"), Some("/tmp/x/ca.pem"));
        assert_eq!(text_field(line, "port"), None);
    }
}
