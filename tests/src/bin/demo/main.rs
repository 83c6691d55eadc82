//! Two people, two real Dunnocks, one private server: what they see, and what the server stored of it.
//!
//! Started by `cargo xtask demo`. It ends clean, also when it is interrupted: no process and no file is left.

mod screen;

use dunnock_tests::archive;
use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::{process, scratch};
use screen::Screen;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

/// Who speaks, and what they say.
const LINES: [(bool, &str); 6] = [
    (true, "O Romeo, Romeo, wherefore art thou Romeo?"),
    (false, "Shall I hear more, or shall I speak at this?"),
    (true, "What's in a name? That which we call a rose by any other word would smell as sweet."),
    (false, "I take thee at thy word."),
    (true, "How camest thou hither, tell me, and wherefore?"),
    (false, "With love's light wings did I o'er-perch these walls."),
];

/// One of the two, with the running program.
struct Person {
    jid: String,
    rpc: Rpc,
    /// Dropped last: the home folder has to outlive the program.
    _device: Device,
}

impl Person {
    fn online(server: &Prosody, user: &str) -> Person {
        let device = Device::new(user);
        let rpc = device.online(server, user);
        Person { jid: server.jid(user), rpc, _device: device }
    }
}

fn main() -> ExitCode {
    process::clean_up_when_interrupted();
    // What went wrong is for people to read, not where in this program.
    std::panic::set_hook(Box::new(|panic| {
        if !process::is_ending() {
            eprintln!("\nThe demonstration failed: {}", told(panic));
        }
    }));
    // A panic unwinds through every owner, so a failure leaves nothing behind either.
    let outcome = std::panic::catch_unwind(play);
    while process::is_ending() {
        // The thread that heard the signal ends this program.
        std::thread::park();
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn told(panic: &std::panic::PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("no reason was given").to_owned()
}

fn play() {
    println!("Starting a private server and two Dunnocks, on this machine only …");
    let server = Prosody::start(Settings::default());
    let mut people = ["juliet", "romeo"].map(|user| {
        server.account(user, Prosody::PASSWORD);
        Person::online(&server, user)
    });
    println!("{} and {} are online.\n", people[0].jid, people[1].jid);
    let screen = Screen::new();
    screen.head();
    let mut last = String::new();
    for (juliet_speaks, text) in LINES {
        last = speak(&mut people, juliet_speaks, text);
        show(&screen, &server, juliet_speaks, text, &last);
    }
    tell_what_is_stored(&server, &LINES.map(|(_, text)| text), &last);
    if std::io::stdin().is_terminal() {
        chat(&mut people, &server);
    }
    for person in people {
        person.rpc.close();
    }
}

/// One says it, the other has to see it, sealed; hands back the id that the message has everywhere.
fn speak(people: &mut [Person; 2], juliet_speaks: bool, text: &str) -> String {
    let [juliet, romeo] = people;
    let (from, to) = if juliet_speaks { (juliet, romeo) } else { (romeo, juliet) };
    let seen = from.rpc.tells(&from.jid, &to.jid, text, &to.rpc);
    assert_ne!(seen["sealed"], "none", "it arrived in clear: {seen}");
    seen["origin_id"].as_str().expect("every message has one").to_owned()
}

fn show(screen: &Screen, server: &Prosody, juliet_speaks: bool, text: &str, id: &str) {
    let speaker = if juliet_speaks { "Juliet" } else { "Romeo" };
    let line = format!("{speaker}: {text}");
    screen.row(&line, &line, &excerpt(&stored(server, id)));
}

/// The stanza with this id as it lies in the archive; the server stores before it delivers.
fn stored(server: &Prosody, id: &str) -> String {
    let all = archived(server).into_iter().map(|message| message.stanza);
    let mut found = all.filter(|stanza| stanza.contains(&format!("id='{id}'")) && stanza.contains("<payload"));
    found.next().unwrap_or_else(|| panic!("the server delivered a message that its archive does not hold"))
}

fn archived(server: &Prosody) -> Vec<archive::Archived> {
    archive::read(&server.archive()).unwrap_or_else(|error| panic!("the server's archive cannot be read: {error}"))
}

/// The part of a stored stanza that stands where the words would be.
fn excerpt(stanza: &str) -> String {
    let element = stanza.find("<encrypted").map_or(stanza, |start| &stanza[start..]);
    let payload = element.split("<payload").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1)).unwrap_or_default();
    let shown: String = payload.chars().take(60).collect();
    format!("{shown}…")
}

/// Looks for every text in every file of the server, with a control that the search finds what is there.
fn tell_what_is_stored(server: &Prosody, texts: &[&str], last: &str) {
    let files = scratch::files_below(server.folder()).len();
    let messages = archived(server).len();
    let addresses = scratch::files_holding(server.folder(), &["romeo"]).len();
    assert!(addresses > 0 && messages >= texts.len(), "the server stored nothing: then this shows nothing");
    let found = scratch::files_holding(server.folder(), texts);
    assert!(found.is_empty(), "the server stored these in clear: {found:?}");
    println!("\nOne message as it lies in the server's archive:\n{}", stored(server, last));
    let count = if texts.len() == 1 { "text was" } else { "texts were" };
    println!(
        "\nTheir two archives hold {messages} messages, receipts included. The {} {count} looked for in all {files} files \
         of the server: found 0 times.\n\
         (The same search found a name, \"romeo\", in {addresses} of them: who writes to whom, and when, the server does \
         know.)",
        texts.len()
    );
}

/// The person at the terminal is Juliet; Romeo echoes.
fn chat(people: &mut [Person; 2], server: &Prosody) {
    println!("\nNow you are Juliet. Romeo repeats what you say. An empty line or Ctrl-D ends it.");
    let (mut said, mut last) = (Vec::new(), String::new());
    let mut lines = std::io::stdin().lock().lines();
    loop {
        print!("Juliet: ");
        let _ = std::io::stdout().flush();
        let Some(Ok(line)) = lines.next() else { break };
        let line = line.trim().to_owned();
        if line.is_empty() {
            break;
        }
        last = speak(people, true, &line);
        let echo = format!("Thou saidst: {line}");
        speak(people, false, &echo);
        println!("Romeo:  {echo}");
        said.push(line);
    }
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    // Short words stand in any file by chance.
    let telling: Vec<&str> = said.into_iter().filter(|text| text.chars().count() >= 12).collect();
    if !telling.is_empty() {
        tell_what_is_stored(server, &telling, &last);
    }
}
