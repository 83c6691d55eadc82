//! `push`: being woken (XEP-0357).

use crate::args::{Global, PushChange, PushPlatform};
use crate::commands::{online, told_later};
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::{Command, Platform, PushService};
use dunnock_core::{Account, ErrorKind};
use std::time::Duration;

/// How long a change waits for the server and the app server before it is left to the next connection.
const CHANGE: Duration = Duration::from_secs(30);

/// Shows how far the push is, or changes it first and waits for those who have to hear of it.
pub(crate) fn push(global: &Global, change: Option<PushChange>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        if let Some(change) = change {
            changed(&account, wish(change)).await?;
        }
        out.print(&account.push()?, show::push)
    })
}

fn wish(change: PushChange) -> Command {
    match change {
        PushChange::Enable { app_server, token, device, platform } => {
            let platform = match platform {
                PushPlatform::Fcm => Platform::Fcm,
                PushPlatform::Apns => Platform::Apns,
            };
            Command::EnablePush(PushService { app_server, platform, token, device })
        }
        PushChange::Disable => Command::DisablePush,
    }
}

async fn changed(account: &Account, wish: Command) -> Result<(), Stop> {
    account.call(wish).await?;
    match online(account, account.push_settled(CHANGE)).await {
        Ok(()) => Ok(()),
        // The app server keeps us waiting; the connection has nothing to do with it.
        Err(error) if error.kind == ErrorKind::TimedOut && account.connection()?.error.is_none() => {
            let kept = dunnock_core::Error::about(ErrorKind::PushSilent, account.jid());
            Err(kept.into())
        }
        Err(error) if error.kind == ErrorKind::TimedOut => {
            Err(told_later(account, error, "the change is stored and goes out with the next connection").into())
        }
        Err(error) => Err(error.into()),
    }
}
