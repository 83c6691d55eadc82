//! `cargo xtask test`: every check of this tree, one stage after the other, and a table at the end.

use crate::Result;
use crate::bindings;
use crate::cargo::{Cargo, Counts, run_tests};
use crate::deny;
use crate::ejabberd::Ejabberd;
use crate::kotlin;
use crate::needs::{output_of, read, say, target};
use crate::prosody::Prosody;
use crate::python;
use crate::swift;
use crate::table::{Fate, Row, render};
use crate::tor;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// What of it to run.
#[derive(Default)]
pub(crate) struct Choice {
    /// Only what needs no server.
    pub(crate) quick: bool,
    /// Only stages, or failing that live tests, whose name contains this.
    pub(crate) only: Option<String>,
    /// The live tests in their long form, and nothing else.
    pub(crate) soak: bool,
}

impl Choice {
    /// Reads the words after `test`.
    pub(crate) fn from_words(words: &[&str]) -> Result<Choice> {
        let mut choice = Choice::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => choice.quick = true,
                "--only" => choice.only = Some(words.next().ok_or("--only needs a name")?.to_string()),
                other => return Err(format!("test does not know {other:?}; see cargo xtask help")),
            }
        }
        Ok(choice)
    }
}

/// What a stage is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It needs no server.
    Quick,
    /// A part of the live test program.
    Live,
    /// A face, with the servers that it needs.
    Face,
}

/// A stage: its name, what it is, and how it runs.
struct Stage {
    name: &'static str,
    kind: Kind,
    run: fn(&Run, &str) -> Vec<Row>,
}

const STAGES: &[Stage] = &[
    Stage { name: "core: units and stories", kind: Kind::Quick, run: Run::unit },
    Stage { name: "core live, Prosody 13", kind: Kind::Live, run: Run::live_thirteen },
    Stage { name: "core live, the distribution's Prosody", kind: Kind::Live, run: Run::live_distribution },
    Stage { name: "core live, ejabberd", kind: Kind::Live, run: Run::live_ejabberd },
    Stage { name: "push live, Prosody 13", kind: Kind::Live, run: Run::live_push },
    Stage { name: "core live, OMEMO with slixmpp-omemo", kind: Kind::Live, run: Run::live_omemo },
    Stage { name: "rooms live", kind: Kind::Live, run: Run::live_rooms },
    Stage { name: "tor live", kind: Kind::Live, run: Run::live_tor },
    Stage { name: "generated sources", kind: Kind::Quick, run: |run, name| vec![bindings::row(&run.cargo, name)] },
    Stage { name: "kotlin: bindings and screens", kind: Kind::Face, run: |run, name| kotlin::rows(&run.cargo, name) },
    Stage { name: "swift", kind: Kind::Face, run: |run, _| swift::rows(&run.cargo) },
    Stage { name: "format", kind: Kind::Quick, run: |run, name| run.check(name, &["fmt", "--all", "--", "--check"]) },
    Stage { name: "clippy", kind: Kind::Quick, run: Run::clippy },
    Stage { name: "cargo deny", kind: Kind::Quick, run: |run, _| deny::rows(&run.cargo) },
    Stage { name: "documentation", kind: Kind::Quick, run: Run::documentation },
];

/// What one live stage runs of the live test program, and the server it runs against.
enum Part<'a> {
    /// All that needs a Prosody and no client but ours.
    Prosody(&'a Prosody),
    /// What needs the Python peer.
    Peer(&'a Prosody),
    /// What needs a Prosody that pushes.
    Push(&'a Prosody),
    /// What needs ejabberd.
    Ejabberd(&'a Ejabberd),
    /// What needs rooms: a Prosody, the Python peer, and an ejabberd if there is one.
    Rooms(&'a Prosody, Option<&'a Ejabberd>),
    /// What needs a private Tor network, with a Prosody at its far end.
    Tor {
        prosody: &'a Prosody,
        programs: PathBuf,
        /// Whether this machine can show that no packet leaves outside of a route.
        proof: bool,
    },
}

/// A few lines, whose library the compiler takes a minute only to check.
const GENERATOR: &str = "dunnock-bindgen";

/// The tests of this part of the live program need a Prosody and no client but ours.
const SERVER: &str = "server::";
/// The tests of this part need the Python peer.
const OMEMO: &str = "omemo_peer::";
/// The tests of this part need a Prosody that pushes.
const PUSH: &str = "push::";
/// The tests of this part need ejabberd.
const EJABBERD: &str = "ejabberd::";
/// The tests of this part need rooms.
const ROOMS: &str = "rooms::";
/// And of these, the ones that need ejabberd.
const ROOMS_EJABBERD: &str = "with_ejabberd";
/// The tests of this part need a private Tor network.
const TOR: &str = "tor::";
/// And of these, the ones that take root.
const CLOSED: &str = "tor::closed::";
/// All parts.
const PARTS: [&str; 6] = [SERVER, OMEMO, PUSH, EJABBERD, ROOMS, TOR];

/// A run in progress.
struct Run {
    cargo: Cargo,
    /// The live tests in their long form.
    soak: bool,
    /// Given to the live test program: run only tests whose name contains this.
    filter: Option<String>,
}

/// Runs the chosen stages and prints the table; the exit status tells whether all of them held.
pub(crate) fn run(choice: &Choice) -> Result<ExitCode> {
    let named: Vec<&Stage> = match &choice.only {
        Some(name) => named(name),
        None => STAGES.iter().collect(),
    };
    // A name that is no stage's is a live test's.
    let filter = choice.only.clone().filter(|_| named.is_empty());
    let stages =
        if named.is_empty() { STAGES.iter().filter(|stage| stage.kind == Kind::Live).collect() } else { named };
    let run = Run { cargo: Cargo::ready()?, soak: choice.soak, filter };
    run.knows_its_filter()?;
    let mut rows = Vec::new();
    for stage in stages.iter().filter(|stage| stage.kind == Kind::Live || !choice.soak) {
        if stage.kind != Kind::Quick && choice.quick {
            continue;
        }
        say(&format!("── {}", stage.name));
        rows.extend((stage.run)(&run, stage.name));
    }
    let nothing_ran = rows.iter().all(|row| row.passed + row.failed == 0);
    println!("\n{}", render(&rows).trim_end());
    let failed = rows.iter().any(|row| matches!(row.fate, Fate::Failed));
    Ok(if failed || nothing_ran { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The stages that have this word in their name, or failing that these letters.
fn named(word: &str) -> Vec<&'static Stage> {
    let words = |stage: &Stage| {
        stage.name.split(|sign: char| !sign.is_alphanumeric()).any(|one| one.eq_ignore_ascii_case(word))
    };
    let whole: Vec<&Stage> = STAGES.iter().filter(|stage| words(stage)).collect();
    if whole.is_empty() { STAGES.iter().filter(|stage| stage.name.contains(word)).collect() } else { whole }
}

impl Run {
    /// A name that is neither a stage's nor a live test's would run nothing, one server after the other.
    fn knows_its_filter(&self) -> Result<()> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let mut list = self.cargo.whole(&["test", "--quiet", "--test", "live"]);
        let listed = output_of(list.args(["--", "--list", "--format", "terse", filter]))?;
        if listed.lines().any(|line| line.ends_with(": test")) {
            return Ok(());
        }
        Err(format!("no stage and no live test has {filter:?} in its name; see cargo xtask help"))
    }

    fn unit(&self, name: &str) -> Vec<Row> {
        // All but the live program, which is a default feature.
        let command = self.cargo.whole(&["test", "--no-default-features", "--no-fail-fast"]);
        vec![self.tests(name, command, &[])]
    }

    fn live_thirteen(&self, name: &str) -> Vec<Row> {
        match Prosody::thirteen() {
            Ok(prosody) => vec![self.live(&format!("core live, Prosody {}", prosody.version), Part::Prosody(&prosody))],
            Err(problem) => vec![broken(name, &problem)],
        }
    }

    fn live_distribution(&self, name: &str) -> Vec<Row> {
        match (Prosody::of_the_distribution(), Prosody::thirteen()) {
            (Ok(own), Ok(thirteen)) if own.is_like(&thirteen) => {
                vec![Row::skipped(name, &format!("it is {}, which was run already", own.version))]
            }
            (Ok(own), _) => vec![self.live(&format!("core live, Prosody {}", own.version), Part::Prosody(&own))],
            (Err(problem), _) => vec![broken(name, &problem)],
        }
    }

    fn live_omemo(&self, name: &str) -> Vec<Row> {
        match Prosody::thirteen() {
            Ok(prosody) => vec![self.live(name, Part::Peer(&prosody))],
            Err(problem) => vec![broken(name, &problem)],
        }
    }

    fn live_push(&self, name: &str) -> Vec<Row> {
        match Prosody::thirteen() {
            Ok(prosody) => vec![self.live(name, Part::Push(&prosody))],
            Err(problem) => vec![broken(name, &problem)],
        }
    }

    fn live_ejabberd(&self, name: &str) -> Vec<Row> {
        match Ejabberd::of_the_distribution() {
            Ok(ejabberd) => {
                vec![self.live(&format!("core live, ejabberd {}", ejabberd.version), Part::Ejabberd(&ejabberd))]
            }
            // Not every release has one; the table says that it was left out.
            Err(problem) => {
                say(&problem);
                vec![Row::skipped(name, problem.lines().next().unwrap_or_default())]
            }
        }
    }

    fn live_rooms(&self, name: &str) -> Vec<Row> {
        let ejabberd = Ejabberd::of_the_distribution();
        let mut rows = match Prosody::thirteen() {
            Ok(prosody) => vec![self.live(name, Part::Rooms(&prosody, ejabberd.as_ref().ok()))],
            Err(problem) => vec![broken(name, &problem)],
        };
        if let (Ok(own), Ok(thirteen)) = (Prosody::of_the_distribution(), Prosody::thirteen())
            && !own.is_like(&thirteen)
        {
            rows.push(self.live(&format!("rooms live, Prosody {}", own.version), Part::Rooms(&own, None)));
        }
        rows.extend(
            ejabberd.err().map(|why| Row::skipped("rooms of ejabberd", why.lines().next().unwrap_or_default())),
        );
        rows
    }

    fn live_tor(&self, name: &str) -> Vec<Row> {
        match (Prosody::thirteen(), tor::programs()) {
            (Ok(prosody), Ok(programs)) => {
                let no_proof = tor::no_proof(&programs);
                let mut rows =
                    vec![self.live(name, Part::Tor { prosody: &prosody, programs, proof: no_proof.is_none() })];
                rows.extend(no_proof.map(|why| Row::skipped("no packet outside of the route", &why)));
                rows
            }
            (Err(problem), _) => vec![broken(name, &problem)],
            // Not every release has a tor; the table says that it was left out.
            (_, Err(problem)) => {
                say(&problem);
                vec![Row::skipped(name, problem.lines().next().unwrap_or_default())]
            }
        }
    }

    /// One part of the live test program.
    fn live(&self, name: &str, part: Part<'_>) -> Row {
        // With the places where a test may end it, which no shipped build has.
        if let Err(problem) = self.cargo.build_whole() {
            return broken(name, &problem);
        }
        let mut command = self.cargo.whole(&["test", "--test", "live"]);
        command.arg("--").args(self.words(&part));
        let surroundings = match surroundings(&part) {
            Ok(surroundings) => surroundings,
            Err(problem) => return broken(name, &problem),
        };
        let program = self.cargo.program("dunnock", "debug");
        let soak = OsStr::new(if self.soak { "full" } else { "" });
        // After so long a program that hangs is ended.
        let minutes = OsStr::new(if self.soak { "240" } else { "30" });
        let mut extra =
            vec![("DUNNOCK_BIN", program.as_os_str()), ("DUNNOCK_SOAK", soak), ("DUNNOCK_MINUTES", minutes)];
        extra.extend(surroundings.iter().map(|(name, path)| (*name, path.as_os_str())));
        self.tests(name, command, &extra)
    }

    /// Words for the live test program that choose this part, and of it what was asked for.
    fn words(&self, part: &Part<'_>) -> Vec<&str> {
        let own = match part {
            Part::Prosody(_) => SERVER,
            Part::Peer(_) => OMEMO,
            Part::Push(_) => PUSH,
            Part::Ejabberd(_) => EJABBERD,
            Part::Rooms(..) => ROOMS,
            Part::Tor { .. } => TOR,
        };
        let left_out: &[&str] = match part {
            Part::Tor { proof: false, .. } => &["--skip", CLOSED],
            Part::Rooms(_, None) => &["--skip", ROOMS_EJABBERD],
            _ => &[],
        };
        let mut words: Vec<&str> = match self.filter.as_deref() {
            // Two filters would mean either of them, so the others are left out by what is not in the part.
            Some(filter) => {
                let others = PARTS.iter().filter(|part| **part != own).flat_map(|other| ["--skip", other]);
                std::iter::once(filter).chain(others).collect()
            }
            None => vec![own],
        };
        words.extend(left_out);
        words
    }

    fn clippy(&self, name: &str) -> Vec<Row> {
        let mut whole = self.cargo.whole(&["clippy", "--all-targets", "--exclude", GENERATOR]);
        // What is shipped has less: without Tor, and without what only tests may do.
        let mut plain = self.cargo.compile(&["clippy", "-p", "dunnock", "-p", "dunnock-ffi"]);
        for command in [&mut whole, &mut plain] {
            command.args(["--", "-D", "warnings"]);
        }
        vec![finished(name, whole), finished("clippy, without features", plain)]
    }

    fn documentation(&self, name: &str) -> Vec<Row> {
        let mut command = self.cargo.whole(&["doc", "--no-deps", "--exclude", GENERATOR]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        vec![finished(name, command)]
    }

    fn check(&self, name: &str, words: &[&str]) -> Vec<Row> {
        vec![finished(name, self.cargo.command(words))]
    }

    /// Runs tests; seeds and figures come back through a file, because passing tests print nothing.
    fn tests(&self, name: &str, command: std::process::Command, extra: &[(&str, &OsStr)]) -> Row {
        let start = Instant::now();
        let report = report_file(name);
        let mut extra = extra.to_vec();
        extra.push(("DUNNOCK_REPORT", report.as_os_str()));
        let (held, counts) = run_tests(command, &extra).unwrap_or_else(|problem| {
            eprintln!("{problem}");
            (false, Counts::default())
        });
        let Counts { passed, failed, ignored } = counts;
        // A program that does not compile or is killed reports no failed test, and is a failure all the same.
        let failed = if !held && failed == 0 { 1 } else { failed };
        let notes = read(&report).unwrap_or_default().lines().map(str::to_owned).collect();
        let empty = held && passed == 0 && self.filter.is_none();
        let fate = if held && !empty { Fate::Passed } else { Fate::Failed };
        Row {
            fate,
            passed,
            failed: failed + usize::from(empty),
            skipped: ignored,
            notes,
            ..Row::single(name, held, start.elapsed())
        }
    }
}

/// What a part finds in its environment: names and paths.
fn surroundings(part: &Part<'_>) -> Result<Vec<(&'static str, PathBuf)>> {
    Ok(match part {
        Part::Push(prosody) => vec![("DUNNOCK_PROSODY", prosody.folder.clone())],
        Part::Prosody(prosody) | Part::Peer(prosody) => {
            vec![("DUNNOCK_PROSODY", prosody.folder.clone()), ("DUNNOCK_PYTHON", python::with_peers()?)]
        }
        Part::Ejabberd(ejabberd) => vec![("DUNNOCK_EJABBERD", ejabberd.folder.clone())],
        Part::Rooms(prosody, ejabberd) => {
            let mut all = vec![("DUNNOCK_PROSODY", prosody.folder.clone()), ("DUNNOCK_PYTHON", python::with_peers()?)];
            all.extend(ejabberd.map(|ejabberd| ("DUNNOCK_EJABBERD", ejabberd.folder.clone())));
            all
        }
        Part::Tor { prosody, programs, .. } => {
            vec![("DUNNOCK_PROSODY", prosody.folder.clone()), ("DUNNOCK_TOR", programs.clone())]
        }
    })
}

/// An empty file for what the tests of one stage want to be known.
fn report_file(name: &str) -> PathBuf {
    let word: String = name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
    let path = target().join(format!("report-{word}.txt"));
    let _ = std::fs::remove_file(&path);
    path
}

fn finished(name: &str, mut command: std::process::Command) -> Row {
    let start = Instant::now();
    let held = command.status().is_ok_and(|status| status.success());
    Row::single(name, held, start.elapsed())
}

/// A stage whose surroundings could not be had: that is a failure, or tests would go missing unnoticed.
fn broken(name: &str, problem: &str) -> Row {
    eprintln!("xtask: {problem}");
    let note = problem.lines().next().unwrap_or_default().to_owned();
    Row { notes: vec![note], ..Row::single(name, false, std::time::Duration::ZERO) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_what_runs() {
        let choice = Choice::from_words(&["--quick", "--only", "clippy"]).unwrap();
        assert!(choice.quick && choice.only.as_deref() == Some("clippy"));
        assert!(Choice::from_words(&["--only"]).is_err());
        for word in ["core", "kotlin", "swift", "tor", "push", "ejabberd", "rooms"] {
            assert!(!named(word).is_empty(), "{word}");
        }
        assert!(Choice::from_words(&["everything"]).is_err());
    }
}
