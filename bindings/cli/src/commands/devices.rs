//! `devices`, `trust` and `distrust`.

use crate::args::{DeviceChange, Fingerprint, Global};
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::Command;
use dunnock_core::model::Trust;

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
            None => {
                let whose = with.unwrap_or_else(|| account.jid());
                account.devices(&whose)?.iter().try_for_each(|row| out.print(row, show::device))
            }
        }
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
