//! Measurements, each figure beside a floor or a peer that was measured in the same run.
//!
//! Started by `cargo xtask bench [NAME]`, which builds for release and says where the programs lie.

mod start;

use std::process::ExitCode;

/// What can be measured, by name.
const BENCHES: [(&str, fn()); 1] = [("start", start::run)];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let chosen: Vec<_> = BENCHES.iter().filter(|(name, _)| name.contains(&wanted)).collect();
    if chosen.is_empty() {
        let names = BENCHES.map(|(name, _)| name).join(", ");
        eprintln!("there is no measurement called {wanted:?}; there are: {names}");
        return ExitCode::from(2);
    }
    for (_, run) in chosen {
        run();
    }
    ExitCode::SUCCESS
}
