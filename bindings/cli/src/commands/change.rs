//! `correct`, `retract`, `react`, `read`, `typing`, and what of it may go out.

use crate::args::{Global, TypingState, YesNo};
use crate::commands::{CHANGE, done, online, told_later};
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use dunnock_core::command::Command;

/// Gives a message another text.
pub(crate) fn correct(global: &Global, message: String, text: String, out: &Out) -> Result<(), Stop> {
    told(global, Command::Correct { message, text }, out)
}

/// Takes a message back.
pub(crate) fn retract(global: &Global, message: String, out: &Out) -> Result<(), Stop> {
    told(global, Command::Retract { message }, out)
}

/// Reacts to a message.
pub(crate) fn react(global: &Global, message: String, emojis: Vec<String>, out: &Out) -> Result<(), Stop> {
    told(global, Command::React { message, emojis }, out)
}

/// Marks a chat as read.
pub(crate) fn read(global: &Global, chat: String, out: &Out) -> Result<(), Stop> {
    told(global, Command::MarkRead { chat }, out)
}

/// Tells that we type: that dies with the stream, so it is said on one that stands.
pub(crate) fn typing(global: &Global, chat: String, state: TypingState, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        online(&account, account.caught_up(CHANGE)).await?;
        account.call(Command::Typing { chat, typing: state == TypingState::Composing }).await?;
        account.quiet(CHANGE).await?;
        done(out)
    })
}

/// Allows or forbids in clear what OMEMO 0.3 cannot seal.
pub(crate) fn allow_extras(global: &Global, chat: String, allow: YesNo, out: &Out) -> Result<(), Stop> {
    kept(global, Command::AllowExtras { chat, allow: allow == YesNo::Yes }, out)
}

/// Whether others are told what was read.
pub(crate) fn tell_read(global: &Global, tell: YesNo, out: &Out) -> Result<(), Stop> {
    kept(global, Command::TellDisplayed { tell: tell == YesNo::Yes }, out)
}

fn told(global: &Global, command: Command, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        account.call(command).await?;
        let told = async {
            account.caught_up(CHANGE).await?;
            account.quiet(CHANGE).await
        };
        match online(&account, told).await {
            Ok(()) => done(out),
            Err(error) => Err(told_later(&account, error, "it is stored and goes out later").into()),
        }
    })
}

fn kept(global: &Global, command: Command, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        session::account(client, global)?.call(command).await?;
        done(out)
    })
}
