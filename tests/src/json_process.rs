//! A child that speaks one JSON object a line, on standard input and output.

use crate::process::Process;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The child, with everything it said.
#[derive(Debug)]
pub struct JsonProcess {
    name: String,
    process: Process,
    input: Option<ChildStdin>,
    heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    said: Mutex<Said>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    /// Lines that no one took yet, with the number of the line.
    waiting: VecDeque<(usize, Value)>,
    /// How many lines came.
    lines: usize,
    /// The last lines, for messages.
    tail: VecDeque<String>,
    /// The last lines of standard error.
    errors: VecDeque<String>,
    /// Standard output is at its end.
    closed: bool,
}

const TAIL: usize = 30;

impl JsonProcess {
    /// Starts it; `name` appears in messages.
    pub fn start(name: &str, command: &mut Command) -> JsonProcess {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(name, command);
        let input = process.child().stdin.take();
        let output = process.child().stdout.take().expect("standard output was piped");
        let errors = process.child().stderr.take().expect("standard error was piped");
        let heard = Arc::new(Heard::default());
        let (for_output, for_errors) = (Arc::clone(&heard), Arc::clone(&heard));
        std::thread::spawn(move || for_output.listen(output));
        std::thread::spawn(move || for_errors.listen_to_errors(errors));
        JsonProcess { name: name.to_owned(), process, input, heard }
    }

    /// Writes one object as a line.
    pub fn send(&mut self, object: &Value) {
        self.send_line(&object.to_string());
    }

    /// Writes one line as it is. A child that no longer reads is noticed when its answer is waited for.
    pub fn send_line(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(format!("{line}\n").as_bytes()).and_then(|()| input.flush());
        }
    }

    /// Ends the child's standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Takes the first line that fits, waiting for it up to `limit`; each line is taken once.
    ///
    /// Panics at the end of the time or of the child, saying what was wanted and what came.
    pub fn take(&self, limit: Duration, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        match self.try_take(limit, &fits) {
            Some(object) => object,
            None => panic!("{}: no {what} within {limit:?}\n{}", self.name, self.account()),
        }
    }

    /// Like [`JsonProcess::take`], but the end of the time or of the child is no reason to panic.
    pub fn try_take(&self, limit: Duration, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let end = Instant::now() + limit;
        let mut seen = 0;
        let mut said = self.heard.lock();
        loop {
            let position = said.waiting.iter().position(|(number, object)| *number >= seen && fits(object));
            if let Some(position) = position {
                return said.waiting.remove(position).map(|(_, object)| object);
            }
            // What did not fit will not fit later.
            seen = said.lines;
            let left = end.checked_duration_since(Instant::now()).filter(|_| !said.closed)?;
            said = self.heard.news.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes every waiting line that fits, without waiting.
    pub fn take_all(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut said = self.heard.lock();
        let (taken, kept) = std::mem::take(&mut said.waiting).into_iter().partition(|(_, object)| fits(object));
        said.waiting = kept;
        let taken: VecDeque<(usize, Value)> = taken;
        taken.into_iter().map(|(_, object)| object).collect()
    }

    /// The last lines of both streams, for messages.
    pub fn account(&self) -> String {
        let said = self.heard.lock();
        let lines = |lines: &VecDeque<String>| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
        let end = if said.closed { " (and ended)" } else { "" };
        format!("{} said{end}:\n{}on standard error:\n{}", self.name, lines(&said.tail), lines(&said.errors))
    }

    /// Whether standard output is not yet at its end: more lines may come.
    pub fn is_open(&self) -> bool {
        !self.heard.lock().closed
    }

    /// The last lines of standard error.
    pub fn errors(&self) -> Vec<String> {
        self.heard.lock().errors.iter().cloned().collect()
    }

    /// The child.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, output: impl Read) {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { break };
            let mut said = self.lock();
            // A line that is no JSON is kept for messages and fits nothing.
            if let Ok(object) = serde_json::from_slice::<Value>(&line) {
                let number = said.lines;
                said.waiting.push_back((number, object));
            }
            said.lines += 1;
            remember(&mut said.tail, &line);
            self.news.notify_all();
        }
        self.lock().closed = true;
        self.news.notify_all();
    }

    fn listen_to_errors(&self, errors: impl Read) {
        for line in BufReader::new(errors).split(b'\n') {
            let Ok(line) = line else { break };
            remember(&mut self.lock().errors, &line);
        }
    }
}

fn remember(tail: &mut VecDeque<String>, line: &[u8]) {
    if tail.len() == TAIL {
        tail.pop_front();
    }
    let text = String::from_utf8_lossy(line);
    tail.push_back(text.chars().take(600).collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shell(script: &str) -> JsonProcess {
        JsonProcess::start("sh", Command::new("sh").args(["-c", script]))
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn each_line_is_taken_once_whatever_the_order() {
        let process = shell(r#"echo '{"n":1}'; echo 'no json'; echo '{"n":2}'; echo '{"n":1}'; cat"#);
        assert_eq!(process.take(LONG, "two", |line| line["n"] == 2), json!({"n": 2}));
        process.take(LONG, "one", |line| line["n"] == 1);
        process.take(LONG, "one more", |line| line["n"] == 1);
        assert!(process.try_take(Duration::ZERO, |_| true).is_none());
    }

    #[test]
    fn what_is_sent_comes_back_from_an_echo() {
        let mut process = shell("cat");
        process.send(&json!({"word": "dunnock"}));
        process.take(LONG, "echo", |line| line["word"] == "dunnock");
    }

    #[test]
    #[should_panic(expected = "trouble ahead")]
    fn a_child_that_ends_early_is_reported_with_its_last_words() {
        let mut process = shell("echo trouble ahead >&2");
        process.process().wait(LONG);
        // The reader of standard error may be a moment behind: its end is waited for through the message's own content.
        while process.errors().is_empty() {
            std::thread::yield_now();
        }
        process.take(LONG, "answer", |_| true);
    }
}
