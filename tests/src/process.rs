//! A child process that ends with its owner, and a watch over all of them.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
static ENDED: AtomicBool = AtomicBool::new(false);
static WATCH: Once = Once::new();
static SIGNALS: Once = Once::new();

/// A child process, killed on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts it; `name` appears in messages.
    pub fn start(name: &str, command: &mut Command) -> Process {
        clean_up_when_interrupted();
        WATCH.call_once(watch);
        let child = running(|all| {
            // Nothing is started any more once everything was ended.
            assert!(!is_ending(), "this program is ending");
            let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start ({command:?}): {error}"));
            all.insert(child.id());
            child
        });
        Process { name: name.to_owned(), child, ended: None }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, to take its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ends it at once, without a word (`kill -9`).
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
            running(|all| all.remove(&self.child.id()));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if let (None, Some(id)) = (self.ended, id) {
            let _ = kill_process(id, signal);
        }
    }

    /// Asks it to end (SIGTERM) and waits for that; kills it and panics when it does not.
    pub fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(limit)
    }

    /// Waits for its end; kills it and panics when it does not come in time.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        match self.ended_within(limit) {
            Some(status) => status,
            None => {
                self.kill();
                panic!("{} did not end within {limit:?}", self.name);
            }
        }
    }

    /// Its exit status, if it ends in time.
    pub fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        while self.ended.is_none() {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.ended = Some(status);
                running(|all| all.remove(&self.child.id()));
            } else if Instant::now() > end {
                return None;
            } else {
                // The system offers no wait with a limit; this pause decides nothing.
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
        self.ended
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.ended_within(Duration::ZERO).is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn running<T>(work: impl FnOnce(&mut BTreeSet<u32>) -> T) -> T {
    work(&mut RUNNING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Kills every child that still runs and starts none any more; for a program that is about to exit without dropping.
pub fn kill_all() {
    let all = running(|all| {
        ENDED.store(true, Ordering::SeqCst);
        std::mem::take(all)
    });
    for id in all {
        if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// Whether [`kill_all`] was called: what fails from then on is of no interest.
pub fn is_ending() -> bool {
    ENDED.load(Ordering::SeqCst)
}

/// From now on Ctrl-C, SIGTERM and a closed terminal leave nothing behind either: no unwinding happens then, so processes
/// and folders are removed by hand. The first [`Process`] or scratch folder asks for it.
pub fn clean_up_when_interrupted() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    SIGNALS.call_once(|| {
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).expect("these may be handled");
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                kill_all();
                // A server that is being killed may write a last file.
                std::thread::park_timeout(Duration::from_millis(50));
                crate::scratch::remove_all();
                std::process::exit(128 + signal);
            }
        });
    });
}

/// Ends the whole test program when it has hung: first its children, so that none outlives it.
fn watch() {
    let minutes = std::env::var("DUNNOCK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(30u64);
    std::thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(60 * minutes);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        eprintln!("nothing came to an end within {minutes} minutes: giving up");
        kill_all();
        crate::scratch::remove_all();
        std::process::exit(101);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_is_gone() {
        let process = Process::start("cat", Command::new("cat").stdin(std::process::Stdio::piped()));
        let id = process.id();
        assert!(std::path::Path::new(&format!("/proc/{id}")).exists());
        drop(process);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_process_that_ends_by_itself_tells_how() {
        let mut process = Process::start("sh", Command::new("sh").args(["-c", "exit 7"]));
        assert_eq!(process.wait(Duration::from_secs(20)).code(), Some(7));
    }
}
