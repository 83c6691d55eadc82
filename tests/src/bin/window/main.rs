//! The window on the demonstration's private server: who opens it is Juliet, and Romeo, a real `dunnock`, answers.
//!
//! Started by `cargo xtask ui`. The program with the window is in `DUNNOCK_WINDOW`, one word a line. All ends with it, or
//! with Ctrl-C, and no process and no file is left.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::process::{self, Process};
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::scratch::Scratch;
use serde_json::json;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// How long Romeo listens before he looks whether the window is still there.
const LOOK: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    process::clean_up_when_interrupted();
    // A panic unwinds through every owner, so a failure leaves nothing behind either.
    let outcome = std::panic::catch_unwind(play);
    while process::is_ending() {
        // The thread that heard the signal ends this program.
        std::thread::park();
    }
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Whether the window ended as it should.
fn play() -> bool {
    println!("Starting a private server and Romeo, on this machine only …");
    let server = Prosody::start(Settings::default());
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let device = Device::new("romeo");
    let (juliet, romeo) = (server.jid("juliet"), server.jid("romeo"));
    let mut rpc = device.online(&server, "romeo");
    rpc.ok("contact.add", json!({ "account": romeo, "jid": juliet }));
    let home = Scratch::new("window");
    let mut window = Process::start("the window", &mut window(&server, &home));
    println!("You are {juliet}. {romeo} repeats what you say. Close the window or press Ctrl-C to end it.");
    while window.is_running() {
        answer(&mut rpc, &romeo, &juliet);
    }
    let held = window.wait(Duration::from_secs(10)).success();
    rpc.close();
    held
}

/// Romeo repeats what he hears in the next moment.
fn answer(rpc: &mut Rpc, romeo: &str, juliet: &str) {
    let heard = rpc.try_event(LOOK, "message", |event| event["own"] != true && event["text"].is_string());
    if let Some(text) = heard.as_ref().and_then(|event| event["text"].as_str()) {
        rpc.says(romeo, juliet, &format!("Thou saidst: {text}"));
    }
}

/// The program with the window, told where the server is.
fn window(server: &Prosody, home: &Scratch) -> Command {
    let words = std::env::var("DUNNOCK_WINDOW").expect("cargo xtask ui says how the window is opened");
    let mut words = words.lines();
    let mut command = Command::new(words.next().expect("the first word is the program"));
    command.args(words);
    let port = server.port().to_string();
    let (home, ca) = (home.join("home"), server.ca().to_owned());
    command.env("DUNNOCK_UI_HOME", home).env("DUNNOCK_UI_CA", ca).env("DUNNOCK_UI_HOST", "127.0.0.1");
    command.env("DUNNOCK_UI_PORT", port).env("DUNNOCK_UI_ADDRESS", server.jid("juliet"));
    command.env("DUNNOCK_UI_PASSWORD", Prosody::PASSWORD).env("DUNNOCK_UI_ROMEO", server.jid("romeo"));
    command
}
