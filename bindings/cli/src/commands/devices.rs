//! `devices`, `alarms`, `trust` and `distrust`.

use crate::args::{AlarmAnswer, DeviceChange, Fingerprint, Global};
use crate::out::{Out, Stop};
use crate::safe;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::{Command, Reply};
use dunnock_core::model::{Alarm, Trust};
use dunnock_core::{Account, ErrorKind};
use serde_json::json;

/// Alarms that a command reminds of beside its result.
const SHOWN: usize = 5;

/// Lists the devices of a contact or one's own, or changes one.
pub(crate) fn devices(
    global: &Global,
    with: Option<String>,
    change: Option<DeviceChange>,
    out: &Out,
) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        match change {
            Some(DeviceChange::Remove { id }) => {
                super::settle(&account, Command::DeviceRemove { device: id }, out).await
            }
            Some(DeviceChange::Reset { with, device }) => {
                super::settle(&account, Command::DeviceReset { jid: with, device }, out).await
            }
            Some(DeviceChange::Log) => {
                account.own_device_events()?.iter().try_for_each(|row| out.print(row, show::own_device_event))
            }
            Some(DeviceChange::Uri) => {
                let uri = account.device_uri()?;
                out.print(&json!({ "uri": uri }), |_| uri.clone())
            }
            None => {
                let whose = with.unwrap_or_else(|| account.jid());
                account.devices(&whose)?.iter().try_for_each(|row| out.print(row, show::device))
            }
        }
    })
}

/// Lists what there is to know of keys, or answers one.
pub(crate) fn alarms(global: &Global, answer: Option<AlarmAnswer>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let (alarm, answer) = match answer {
            Some(AlarmAnswer::Accept { alarm }) => (alarm, "accepted"),
            Some(AlarmAnswer::Reject { alarm }) => (alarm, "rejected"),
            Some(AlarmAnswer::Dismiss { alarm }) => (alarm, "dismissed"),
            None => return account.alarms()?.iter().try_for_each(|row| out.print(row, show::alarm)),
        };
        super::settle(&account, Command::AlarmAnswer { alarm, answer: answer.to_owned() }, out).await
    })
}

/// The alarms that wait for an answer: those about this contact and our own devices, or all.
pub(crate) fn open(account: &Account, with: Option<&str>) -> Result<Vec<Alarm>, Stop> {
    let own = account.jid();
    let meant = |alarm: &Alarm| alarm.answer.is_none() && with.is_none_or(|with| [with, &own].contains(&&*alarm.jid));
    Ok(account.alarms()?.into_iter().filter(meant).collect())
}

/// Reminds of them.
pub(crate) fn remind(account: &Account, with: Option<&str>, out: &Out) -> Result<(), Stop> {
    let open = open(account, with)?;
    open.iter().take(SHOWN).for_each(|alarm| out.note(&format!("alarm {}", show::alarm(alarm))));
    if open.len() > SHOWN {
        out.note(&format!("and {} alarms more: see `alarms`", open.len() - SHOWN));
    }
    Ok(())
}

/// A person read keys off another device.
pub(crate) fn verify(global: &Global, uri: String, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let Reply::Verified { jid } = account.call(Command::Verify { uri }).await? else {
            return Err(ErrorKind::Internal.into());
        };
        super::delivered(&account).await?;
        out.print(&json!({ "jid": jid }), |_| format!("verified for {}", safe::line(&jid)))
    })
}

/// How devices leave the quarantine by themselves.
pub(crate) fn rule(global: &Global, days: Option<u32>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        if let Some(days) = days {
            account.call(Command::TrustRule { days }).await?;
        }
        let days = account.trust_rule()?;
        out.print(&json!({ "days": days }), |_| match days {
            0 => "a new device of a contact waits until somebody decides".to_owned(),
            days => format!("a new device of a contact counts as of first use after {days} days with the same key"),
        })
    })
}

/// A person compared the fingerprint.
pub(crate) fn trust(global: &Global, device: Fingerprint, out: &Out) -> Result<(), Stop> {
    decide(global, device, Trust::Verified, out)
}

/// A person rejects the device.
pub(crate) fn distrust(global: &Global, device: Fingerprint, out: &Out) -> Result<(), Stop> {
    decide(global, device, Trust::Distrusted, out)
}

fn decide(global: &Global, device: Fingerprint, trust: Trust, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let fingerprint = device.fingerprint.concat();
        account.call(Command::DeviceDecide { jid: device.with, fingerprint, trust }).await?;
        super::done(out)
    })
}
