//! Healing sessions (XEP-0384, "Business Rules"): what is done by itself about a message that no session opens, and about
//! one that began a session.
//!
//! Without a session with its sender a fresh one is begun and told by an empty key exchange. One that exists and fails is
//! left as it is in version 2 ("clients MUST NOT react to decryption errors by initiating new sessions"): the message
//! is shown as unreadable, and a person may reset the device. In version 0.3 it is replaced, as every deployed client
//! does. All of it happens seldom for each device, so that two sides that both are broken do not keep each other busy.

use super::trust::quarantine;
use super::want::{Kind, Question};
use super::{Ctx, bundle, devices, mam, omemo};
use crate::error::Result;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use crate::store::want::WantRow;
use dunnock_omemo::{Error, Version};
use minidom::Element;
use sha2::{Digest, Sha256};

/// So long after a fresh session the next may be begun; doubled each time, milliseconds. What was under way in the old
/// session meanwhile fails, too.
const PAUSE: i64 = 30_000;
/// The pause grows no further.
const LONGEST_PAUSE: i64 = 3_600_000;
/// After so long without trouble the first pause is short again.
const FORGIVEN: i64 = 24 * 3_600_000;
/// More devices of one person that wrote before they were listed are not remembered: their numbers may be made up.
const AWAITED: i64 = 16;
/// Empty answers to one device in one [`WINDOW`]: more than a talk needs, each moves a chain of 53 messages.
const ANSWERS: u32 = 20;
/// The time in which answers are counted, milliseconds.
const WINDOW: i64 = 600_000;

/// No session opened a message of this device. What can be done about that without a person is done.
pub(crate) fn failed(ctx: &mut Ctx, row: &DeviceRow, version: Version, refusal: Error) -> Result<()> {
    // What is no message, or of another identity, says nothing about a session.
    if matches!(refusal, Error::Malformed | Error::IdentityMismatch | Error::WeakKey) {
        return Ok(());
    }
    let exists = ctx.tx.current_session(&row.jid, row.device, version)?.is_some();
    if (exists && version == Version::V2) || row.trust == Trust::Distrusted {
        return Ok(());
    }
    match ctx.tx.device(&row.jid, row.device)? {
        // Nothing is said to it, not even that its words were not understood.
        Some(known) if quarantine::is_quarantined(ctx, &known)? => Ok(()),
        Some(_) => rebuild(ctx, &row.jid, row.device, version),
        None => awaited(ctx, row, version),
    }
}

/// Begins a fresh session as soon as the bundle is there, unless that was done a short while ago.
fn rebuild(ctx: &mut Ctx, jid: &str, device: u32, version: Version) -> Result<()> {
    let (now, mut past) = (ctx.now.wall, ctx.tx.healing(jid, device, version)?);
    let since = now - past.healed;
    if past.heals > 0 && (0..pause(past.heals)).contains(&since) {
        return ctx.tx.count("healing_paused");
    }
    past.heals = if since > FORGIVEN { 1 } else { past.heals.saturating_add(1) };
    (past.healed, past.awaited) = (now, false);
    ctx.tx.put_healing(jid, device, version, &past)?;
    bundle::want(ctx, jid, device, version, true)
}

/// Adds what devices were sent in this header: it tells empty messages apart, which have no payload.
pub(crate) fn hash_keys(header: &Element, hash: &mut Sha256) {
    for part in header.children() {
        hash.update(part.text());
        part.children().for_each(|key| hash.update(key.text()));
    }
}

/// How long to wait after so many fresh sessions in a row.
fn pause(heals: u32) -> i64 {
    (PAUSE << (heals.max(1) - 1).min(10)).min(LONGEST_PAUSE)
}

/// A device that its owner never listed, as far as we know, wrote without a session: its list was asked for.
fn awaited(ctx: &mut Ctx, row: &DeviceRow, version: Version) -> Result<()> {
    let mut past = ctx.tx.healing(&row.jid, row.device, version)?;
    if past.awaited || ctx.tx.count_awaited(&row.jid)? >= AWAITED {
        return Ok(());
    }
    past.awaited = true;
    ctx.tx.put_healing(&row.jid, row.device, version, &past)
}

/// A device was listed, in whichever version. Where it wrote before, in a session that we do not have, it gets one.
pub(crate) fn listed(ctx: &mut Ctx, row: &DeviceRow) -> Result<()> {
    let (jid, device) = (row.jid.as_str(), row.device);
    for version in devices::VERSIONS {
        if ctx.tx.healing(jid, device, version)?.awaited
            && !quarantine::is_quarantined(ctx, row)?
            && ctx.tx.current_session(jid, device, version)?.is_none()
        {
            rebuild(ctx, jid, device, version)?;
        }
    }
    Ok(())
}

/// An empty answer where the protocol asks for one: to a key exchange, and to a long chain. While the archive is read it
/// waits.
pub(crate) fn answer(ctx: &mut Ctx, jid: &str, device: u32, version: Version) -> Result<()> {
    if !mam::may_seal(ctx)? {
        return ctx.want_about(Kind::Answer, jid, &format!("{} {device}", devices::code(version)));
    }
    let (now, mut past) = (ctx.now.wall, ctx.tx.healing(jid, device, version)?);
    if !(0..WINDOW).contains(&(now - past.window)) {
        (past.window, past.answers) = (now, 0);
    }
    if past.answers >= ANSWERS {
        return ctx.tx.count("answers_paused");
    }
    past.answers += 1;
    ctx.tx.put_healing(jid, device, version, &past)?;
    omemo::send_empty(ctx, jid, device, version)
}

/// An answer that waited is due. Nobody answers it in turn, so there is no question and the want is done.
pub(crate) fn question(ctx: &mut Ctx, row: &WantRow) -> Result<Option<Question>> {
    let (code, device) = row.arg.split_once(' ').unwrap_or_default();
    if let (Some(version), Ok(device)) = (devices::from_code(code), device.parse()) {
        answer(ctx, &row.jid, device, version)?;
    }
    Ok(None)
}

/// A person's wish: ends all sessions with a device and begins a fresh one at once.
pub(crate) fn reset(ctx: &mut Ctx, row: &DeviceRow) -> Result<()> {
    ctx.tx.end_sessions(&row.jid, row.device)?;
    let version = if row.listed2 || row.ever2 { Version::V2 } else { Version::V03 };
    bundle::want(ctx, &row.jid, row.device, version, true)
}

/// Whether the session that a bundle was fetched for is not needed any more: in version 2 none is replaced.
pub(crate) fn is_healed(ctx: &Ctx, jid: &str, device: u32, version: Version) -> Result<bool> {
    Ok(version == Version::V2 && ctx.tx.current_session(jid, device, version)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet};
    use super::*;

    #[test]
    fn no_answer_goes_before_the_archive_was_read() {
        juliet(|ctx| {
            let answers = |ctx: &Ctx| ctx.tx.healing(ROMEO, 5, Version::V2).unwrap().answers;
            answer(ctx, ROMEO, 5, Version::V2).unwrap();
            ctx.ask_due().unwrap();
            assert_eq!(answers(ctx), 0);
            let own = ctx.bare();
            ctx.tx.set_complete(&own, ctx.stream).unwrap();
            mam::seal_again(ctx).unwrap();
            ctx.ask_due().unwrap();
            assert_eq!(answers(ctx), 1);
        });
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let pauses = [1, 2, 3, 7, 8, 9, u32::MAX].map(pause);
        assert_eq!(pauses, [30_000, 60_000, 120_000, 1_920_000, 3_600_000, 3_600_000, 3_600_000]);
    }
}
