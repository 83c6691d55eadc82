//! The commands `cargo xtask …`: show Dunnock, test it, wear it out, measure it.
//!
//! Only the standard library is used here, because this program runs before anything else is known to be there: it finds
//! what a machine lacks, fetches private copies of it into a cache folder, and starts cargo with what it found.

mod bench;
mod bindings;
mod cargo;
mod debs;
mod demo;
mod deny;
mod ejabberd;
mod fuzz;
mod java;
mod kotlin;
mod libomemo;
mod needs;
mod openssl;
mod prosody;
mod python;
mod soak;
mod swift;
mod table;
mod test;
mod tor;
mod ui;
mod xcframework;

use needs::output_of;
use std::process::ExitCode;

/// What went wrong, in a sentence that also says what to do about it.
type Result<T> = std::result::Result<T, String>;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  demo                       two people, two Dunnocks, one private server: what they see and what it stored
  ui [--picture FILE]        the phone's screens in a window: you are Juliet on a private server, Romeo answers;
                             --picture: no window, a short scene is played and its end drawn into FILE
  test [--quick] [--only X]  every test with the real servers they need; --quick: only what needs no server;
                             --only: the stages with the word X in their name (core, kotlin, swift, tor, push, ejabberd, clippy
                             and so on), or failing that the live tests whose name contains X
  xcframework                on a Mac: the engine for iPhones, where the Swift package looks for it
  soak [NAME]                the long forms of the live tests
  bindings [--check]         writes the sources for Kotlin and Swift; --check: only tells whether they would change
  fetch                      only gets what the others need: Prosody twice, ejabberd, Python, Java, OpenSSL's headers
  bench [NAME]               measurements, as a table and as JSON under target/bench/
  fuzz SECONDS [TARGET]      the OMEMO crate's fuzz targets, SECONDS shared by all; their corpus is played by test, too

What is missing is fetched into a private folder ($DUNNOCK_CACHE, else dunnock-xtask in your cache folder) and
announced. Nothing is ever installed into the system.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.split_first() {
        Some((&"demo", rest)) => demo::run(rest),
        Some((&"ui", rest)) => ui::run(rest),
        Some((&"test", rest)) => test::Choice::from_words(rest).and_then(|choice| test::run(&choice)),
        Some((&"soak", rest)) => soak::run(rest),
        Some((&"bench", rest)) => bench::run(rest),
        Some((&"fuzz", rest)) => fuzz::run(rest),
        Some((&"bindings", rest)) => bindings::run(rest),
        Some((&"fetch", [])) => fetch(),
        Some((&"xcframework", [])) => xcframework::run(),
        None | Some((&("help" | "--help" | "-h"), _)) => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some((other, _)) => {
            eprintln!("xtask: there is no command {other:?}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("xtask: {problem}");
        ExitCode::FAILURE
    })
}

/// Gets everything that the other commands would get on the way, and says where it lies.
fn fetch() -> Result<ExitCode> {
    cargo::Cargo::ready()?;
    for prosody in [prosody::Prosody::thirteen()?, prosody::Prosody::of_the_distribution()?] {
        println!("Prosody {}: {}", prosody.version, prosody.folder.display());
    }
    match ejabberd::Ejabberd::of_the_distribution() {
        Ok(ejabberd) => println!("ejabberd {}: {}", ejabberd.version, ejabberd.folder.display()),
        Err(problem) => println!("ejabberd: its tests will be left out: {problem}"),
    }
    println!("tor: {}", tor::programs()?.display());
    println!("Python: {}", python::with_peers()?.display());
    println!("Maven: {}", output_of(java::Java::find()?.maven().arg("-version"))?.trim_end());
    Ok(ExitCode::SUCCESS)
}
