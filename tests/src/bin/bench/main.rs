//! Measurements, each figure beside a floor or a peer that was measured in the same run.
//!
//! Started by `cargo xtask bench [NAME]`, which builds for release and says where the programs lie.

mod border;
mod catchup;
mod memory;
mod ratchet;
mod room;
mod start;
mod tor;
mod watched;

use dunnock_tests::figures::table_of_all;
use std::process::ExitCode;

/// What can be measured, by name.
const BENCHES: &[(&str, fn())] = &[
    ("border", border::run),
    ("catchup", catchup::run),
    ("memory", memory::run),
    ("ratchet", ratchet::run),
    ("room", room::run),
    ("start", start::run),
    ("tor", tor::run),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--count") {
        catchup::count(&words[1..]);
        return ExitCode::SUCCESS;
    }
    let wanted = words.into_iter().next().unwrap_or_default();
    let chosen: Vec<_> = BENCHES.iter().filter(|(name, _)| name.contains(&wanted)).collect();
    if chosen.is_empty() {
        let names = BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        eprintln!("there is no measurement called {wanted:?}; there are: {names}");
        return ExitCode::from(2);
    }
    let before = load();
    let mut failed = false;
    for (name, run) in chosen {
        eprintln!("measuring: {name}");
        // One that fails says why at once; the others are measured all the same.
        failed |= std::panic::catch_unwind(run).is_err();
    }
    print!("\n{}", table_of_all());
    // The measurements alone keep about one processor busy; what a busier machine says is worth less.
    println!("load of the machine: {before} before, {} after, {} processors", load(), processors());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Tasks that ran or wanted to run, as a mean of the last minute.
fn load() -> String {
    let said = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    said.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
