//! The command `dunnock`: Dunnock's engine for people at a terminal, for scripts, and for other programs (`rpc`).
//!
//! `args` says what can be asked, `session` opens the home, `commands` has one file a matter, `rpc` is the same for
//! programs. What came from outside passes `safe` before it reaches a terminal.

mod args;
mod commands;
mod key;
mod out;
mod password;
mod place;
mod progress;
mod rpc;
mod safe;
#[cfg(test)]
mod scratch;
mod session;
mod show;

use args::{Arguments, Command};
use clap::Parser;
use dunnock_core::ErrorKind;
use out::{Out, Stop};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(defect));
    match Arguments::try_parse() {
        Ok(arguments) => {
            let out = Out::new(arguments.global.json);
            let result = std::panic::catch_unwind(|| run(arguments, &out));
            out.end(result.unwrap_or_else(|_| Err(ErrorKind::Internal.into())))
        }
        // The parser stopped before it could say whether JSON was asked for.
        Err(error) => out::usage(&error, std::env::args_os().any(|argument| argument == "--json")),
    }
}

/// Says where a defect showed itself, and never with which values: they may be somebody's words.
fn defect(info: &std::panic::PanicHookInfo<'_>) {
    if let Some(place) = info.location() {
        let _ = writeln!(std::io::stderr(), "dunnock: defect at {}:{}", place.file(), place.line());
    }
}

/// Does what was asked.
fn run(arguments: Arguments, out: &Out) -> Result<(), Stop> {
    let Arguments { global, command } = arguments;
    if let Some(file) = &global.log {
        dunnock_core::log::to_file(file)?;
    }
    match command {
        Command::Login(new) => commands::login::login(&global, new, out),
        Command::Register(new) => commands::login::register(&global, new, out),
        Command::Accounts => commands::accounts::list(&global, out),
        Command::Forget { jid } => commands::accounts::forget(&global, &jid, out),
        Command::Password { jid, show: true, .. } => commands::accounts::show_password(&global, &jid, out),
        Command::Password { jid, password_file, keep_password, .. } => {
            let keep = keep_password.map(|keep| keep == args::YesNo::Yes);
            commands::accounts::password(&global, &jid, password_file.as_deref(), keep, out)
        }
        Command::Send(send) => commands::send::send(&global, send, out),
        Command::Correct { message, text } => commands::change::correct(&global, message, text, out),
        Command::Retract { message } => commands::change::retract(&global, message, out),
        Command::React { message, emojis } => commands::change::react(&global, message, emojis, out),
        Command::Read { with } => commands::change::read(&global, with, out),
        Command::Typing { with, state } => commands::change::typing(&global, with, state, out),
        Command::Chats => commands::read::chats(&global, out),
        Command::History { with, limit } => commands::read::history(&global, &with, limit, out),
        Command::Search { words, limit } => commands::read::search(&global, &words.join(" "), limit, out),
        Command::Listen => commands::listen::listen(&global, out),
        Command::Connect => commands::accounts::connect(&global, out),
        Command::Contacts { change } => commands::contacts::contacts(&global, change, out),
        Command::AllowPlain { with, allow } => commands::contacts::allow_plain(&global, with, allow, out),
        Command::AllowExtras { with, allow } => commands::change::allow_extras(&global, with, allow, out),
        Command::TellRead { tell } => commands::change::tell_read(&global, tell, out),
        Command::Devices { with, change } => commands::devices::devices(&global, with, change, out),
        Command::Alarms { answer } => commands::devices::alarms(&global, answer, out),
        Command::Verify { uri } => commands::devices::verify(&global, uri, out),
        Command::TrustRule { days } => commands::devices::rule(&global, days, out),
        Command::Trust(device) => commands::devices::trust(&global, device, out),
        Command::Distrust(device) => commands::devices::distrust(&global, device, out),
        Command::Sync { deadline, node } => commands::sync::sync(&global, deadline, node.as_deref(), out),
        Command::Push { change } => commands::push::push(&global, change, out),
        Command::Server { accept, allow_plain_login } => {
            commands::server::server(&global, accept, allow_plain_login.map(|allow| allow == args::YesNo::Yes), out)
        }
        Command::Room { change } => commands::rooms::rooms(&global, change, out),
        Command::Export { file } => commands::export::export(&global, &file, out),
        Command::Rpc => rpc::serve(&global),
    }
}
