//! `dunnock rpc` observed as cheaply as can be, so that watching it does not take the time that is measured.

use dunnock_tests::dunnock::{Device, PATIENCE};
use dunnock_tests::process::Process;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

/// A running program; it is killed on drop.
pub(crate) struct Watched {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Memory of a process in megabytes (10^6 bytes).
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// What is its own: heap and stacks.
    pub(crate) anonymous: f64,
    /// Pages of files: the program itself, libraries, mapped data.
    pub(crate) file: f64,
}

impl Watched {
    /// Starts it for the accounts of this device.
    pub(crate) fn start(device: &Device) -> Watched {
        Watched::start_with(device, &["rpc"])
    }

    /// The same with these words instead of `rpc` alone.
    pub(crate) fn start_with(device: &Device, words: &[&str]) -> Watched {
        let mut command = device.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start("dunnock rpc", &mut command);
        let input = process.child().stdin.take().expect("standard input was piped");
        let output = process.child().stdout.take().expect("standard output was piped");
        Watched { process, input, output: BufReader::with_capacity(1 << 16, output) }
    }

    /// Asks for something without waiting for the answer.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) {
        let line = json!({ "jsonrpc": "2.0", "id": method, "method": method, "params": params });
        writeln!(self.input, "{line}").expect("it reads its standard input");
    }

    /// Reads up to the first line with all of these words in it. Nothing else is looked at.
    pub(crate) fn until(&mut self, words: &[&str]) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.output.read_line(&mut line).expect("its output is UTF-8");
            assert!(read > 0, "it ended before it said {words:?}");
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Connects the account and reads on until it is online.
    pub(crate) fn connect(&mut self, jid: &str) {
        self.ask("account.connect", &json!({ "account": jid }));
        self.until(&[r#""kind":"connection""#, r#""state":"online""#]);
    }

    /// Reads on until the archive was read to its end.
    pub(crate) fn caught_up(&mut self) {
        self.until(&[r#""kind":"connection""#, r#""caught_up":true"#]);
    }

    /// Lets it end in good order.
    pub(crate) fn end(self) {
        let Watched { mut process, input, .. } = self;
        drop(input);
        process.wait(PATIENCE);
    }

    /// CPU seconds it used so far, in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(self.process.id())
    }

    /// What it holds now.
    pub(crate) fn memory(&self) -> Memory {
        memory_of(self.process.id())
    }
}

/// CPU seconds a process used so far.
pub(crate) fn cpu_of(id: u32) -> f64 {
    // The name in parentheses may hold anything; behind it the fields are numbers (proc(5)): 14 and 15 of all are ours.
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / 100.0
}

/// What a process holds now.
pub(crate) fn memory_of(id: u32) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let megabytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux 4.5 or later");
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0 / 1e6
    };
    Memory { anonymous: megabytes("RssAnon"), file: megabytes("RssFile") }
}
