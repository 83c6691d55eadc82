//! `chats`, `history` and `search`: the store alone, no network.

use crate::args::Global;
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::model::TimelineItem;
use dunnock_core::{Account, Result};

/// The core's longest window.
const WINDOW: u32 = 200;

/// The chat list.
pub(crate) fn chats(global: &Global, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        account.chats()?.iter().try_for_each(|row| out.print(row, show::chat))
    })
}

/// The newest `limit` messages of a chat, oldest first.
pub(crate) fn history(global: &Global, with: &str, limit: u32, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let rows = newest(&account, with, limit)?;
        rows.iter().rev().try_for_each(|row| out.print(row, show::message))
    })
}

/// The messages that have all the words, newest first.
pub(crate) fn search(global: &Global, words: &str, limit: u32, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        account.search(words, limit)?.iter().try_for_each(|row| out.print(row, show::found))
    })
}

/// Window after window, newest first, until there are `limit` rows or no more.
fn newest(account: &Account, chat: &str, limit: u32) -> Result<Vec<TimelineItem>> {
    let mut rows: Vec<TimelineItem> = Vec::new();
    loop {
        let missing = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX)).min(WINDOW);
        if missing == 0 {
            return Ok(rows);
        }
        let before = rows.last().map(|row| row.message.clone());
        let page = account.timeline(chat, before.as_deref(), missing)?;
        let last = page.len() < missing as usize;
        rows.extend(page);
        if last {
            return Ok(rows);
        }
    }
}
