//! What the border to another language costs: 200 rows in the app's hands (aim 5 ms), and a tap on send until its bubble can
//! be drawn (aim 30 ms).
//!
//! The floor is the same in Rust, on the same build of the core. `cargo xtask bench` has run the half in each language before
//! this (`BorderBench.kt`) and names the file with its numbers in the environment: a line for each figure, `call`, `snapshot`
//! and `bubble`, its name and milliseconds.

use dunnock_core::command::{Command, Tls};
use dunnock_core::{Account, Client, NewAccount, Route, StoreKey};
use dunnock_tests::figures::{Figure, publish};
use dunnock_tests::scratch::Scratch;
use std::time::{Duration, Instant};

/// What else can stand on the other side, and the name of its file.
const LANGUAGES: [(&str, &str); 2] = [("Kotlin", "DUNNOCK_BORDER_KOTLIN"), ("Swift", "DUNNOCK_BORDER_SWIFT")];
const ROWS: u32 = 200;
const RUNS: usize = 50;
const CHAT: &str = "romeo@verona.test";
/// Windows are at most 20 a second: a tap after a pause finds none under way.
const PAUSE: Duration = Duration::from_millis(60);

pub(crate) fn run() {
    let scratch = Scratch::new("border");
    let key = StoreKey::from_bytes([7; 32]);
    let client = Client::open(&scratch.join("home"), key).expect("a new home opens");
    let new = NewAccount {
        jid: "juliet@verona.test".to_owned(),
        password: "secret".to_owned().into(),
        keep_password: true,
        host: None,
        port: None,
        tls: Tls::Auto,
        ca: None,
        route: Route::Direct,
    };
    let account = client.add(new).expect("a new account is stored");
    client.block_on(async {
        for number in 0..ROWS {
            send(&account, &format!("{number}: O, speak again, bright angel! for thou art as glorious to this night"))
                .await;
        }
    });
    let rows: Vec<f64> = (0..RUNS).map(|_| read(&account)).collect();
    let bubbles = client.block_on(bubbles(&account));
    client.block_on(client.close());
    drop(account);
    client.end();

    let snapshot = Figure::new("200 rows, read in Rust", "ms", rows);
    let bubble = Figure::new("send to bubble in Rust", "ms", bubbles);
    let mut figures = Vec::new();
    for (language, file) in LANGUAGES {
        let Some(file) = std::env::var_os(file) else { continue };
        let told = std::fs::read_to_string(file).expect("the other half left its numbers");
        let figure = |what: String, name: &str| Figure::new(&what, "ms", runs(&told, name));
        figures.push(figure(format!("200 rows, read and in {language}'s hands"), "snapshot").beside(&snapshot));
        figures.push(figure(format!("an empty call from {language}"), "call"));
        figures.push(figure(format!("send to bubble in {language}"), "bubble").beside(&bubble));
    }
    figures.extend([snapshot, bubble]);
    publish("border", &figures);
}

fn runs(told: &str, name: &str) -> Vec<f64> {
    let line = told.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {told:?}"));
    line.split_whitespace().map(|number| number.parse().expect("milliseconds")).collect()
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn read(account: &Account) -> f64 {
    let begun = Instant::now();
    let rows = account.timeline(CHAT, None, ROWS).expect("the store is read");
    assert_eq!(rows.len(), ROWS as usize);
    milliseconds(begun)
}

async fn send(account: &Account, text: &str) {
    let command = Command::Send { to: CHAT.to_owned(), text: text.to_owned(), reply_to: None, origin_id: None };
    account.call(command).await.expect("the store takes it");
}

async fn bubbles(account: &Account) -> Vec<f64> {
    let mut window = account.watch_timeline(CHAT, ROWS);
    window.next().await.expect("the first window");
    let mut runs = Vec::new();
    for number in 0..RUNS {
        std::thread::park_timeout(PAUSE);
        let text = format!("bubble {number}");
        let begun = Instant::now();
        send(account, &text).await;
        while window.next().await.expect("a window").first().and_then(|row| row.text.as_ref()) != Some(&text) {}
        runs.push(milliseconds(begun));
    }
    window.end();
    runs
}
