//! Split views: what a server shows of a device list is compared with what the owner's own devices see, whose hash they put
//! into each envelope (`core/docs/device-list-hash.md`).
//!
//! A hash that differs leads to one more look at the list. What differs then too is an alarm, unless the same device says
//! within a moment what we see: lists and messages race, and a device that learns of a change says its new hash to whom it
//! told the old one. Of archived messages the newest of each device counts, and only where the list was the same before we
//! were away.

use super::super::content::Content;
use super::super::omemo::Author;
use super::super::want::Kind;
use super::super::xml::{Build, base64, el, to_base64};
use super::super::{Ctx, devices, mam, ns, parcel, room};
use super::alarms::What;
use super::is_barred;
use crate::error::Result;
use crate::store::Tx;
use crate::store::parcel::Reach;
use crate::store::trust::OtherView;
use dunnock_omemo::Version;
use minidom::Element;
use sha2::{Digest, Sha256};

/// How long a device that sees another list has to learn of a change, milliseconds.
const RACE: i64 = 10_000;
/// Whom we told our list's hash within this time is told of a change, milliseconds.
const TOLD: i64 = 5 * 60_000;

/// The canonical form: each version, better one first, and each id of it once, in rising order.
fn hash(lists: &[(Version, Vec<u32>)]) -> [u8; 32] {
    let mut text = String::new();
    for version in devices::VERSIONS {
        let mut ids: Vec<u32> =
            lists.iter().filter(|(of, _)| *of == version).flat_map(|(_, ids)| ids.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            text += &format!("{} {id}\n", devices::code(version));
        }
    }
    Sha256::digest(text).into()
}

/// The hash over the lists of this person as we were shown them; none while that means nothing.
fn of(ctx: &Ctx, jid: &str) -> Result<Option<[u8; 32]>> {
    let own = jid == ctx.me.jid.as_str();
    let rows = ctx.tx.devices(jid)?;
    let mut lists = Vec::new();
    for version in devices::VERSIONS {
        let mut ids: Vec<u32> = rows.iter().filter(|row| devices::listed(row, version)).map(|row| row.device).collect();
        if own {
            // Until the server has us on the list others see another one.
            if ctx.tx.find_want(Kind::PublishList.code(), "", devices::code(version))?.is_some() {
                return Ok(None);
            }
            ids.push(ctx.me.device);
        }
        // Of longer lists each side may know another part.
        if ids.len() >= devices::MOST || ctx.tx.device_list(jid, version)?.is_none() {
            return Ok(None);
        }
        lists.push((version, ids));
    }
    Ok(Some(hash(&lists)))
}

/// What an envelope of ours to this chat says of our list; and that it was said is remembered.
pub(crate) fn element(ctx: &mut Ctx, chat: &str) -> Result<Option<Element>> {
    let own = ctx.bare();
    let Some(hash) = of(ctx, &own)? else { return Ok(None) };
    ctx.tx.told_list(chat, &hash, ctx.now.wall)?;
    Ok(Some(el("device-list", ns::DEVICE_LIST).at("algo", "sha-256").words(to_base64(&hash))))
}

/// What a `<content/>` says of its sender's list.
pub(crate) fn read(content: &Element) -> Option<[u8; 32]> {
    let said = content.get_child("device-list", ns::DEVICE_LIST)?;
    let known = said.attr("algo") == Some("sha-256");
    base64(said.text().trim()).filter(|_| known)?.try_into().ok()
}

/// Our own lists may have changed: whom we told the old hash a moment ago is told the new one.
pub(crate) fn own_changed(ctx: &mut Ctx) -> Result<()> {
    let own = ctx.bare();
    let Some(hash) = of(ctx, &own)? else { return Ok(()) };
    for chat in ctx.tx.told_otherwise(&hash, ctx.now.wall - TOLD)? {
        // Every envelope says it: an empty one says nothing else.
        parcel::put(ctx, &chat, &Content::default(), Reach::Everyone, true)?;
        ctx.tx.told_list(&chat, &hash, ctx.now.wall)?;
    }
    Ok(())
}

/// A device said how it sees its owner's list.
pub(crate) fn received(ctx: &mut Ctx, sender: &str, author: &Author, said: &[u8; 32], live: bool) -> Result<()> {
    // One in quarantine could only call others liars.
    let row = ctx.tx.device(sender, author.device)?;
    if row.is_none_or(|row| is_barred(&row)) {
        return Ok(());
    }
    let ours = of(ctx, sender)?;
    if ours.is_none_or(|ours| ours == *said) {
        return ctx.tx.drop_other_view(sender, author.device);
    }
    let view = OtherView {
        jid: sender.to_owned(),
        device: author.device,
        hash: *said,
        ours: ours.unwrap_or_default(),
        archived: !live,
        since: 0,
    };
    ctx.tx.put_other_view(&view)
}

/// Looks again where a device sees another list, and raises the alarm where that is so after the look.
pub(crate) fn judge(ctx: &mut Ctx) -> Result<()> {
    let views = ctx.tx.other_views()?;
    if views.is_empty() || !mam::is_over(ctx)? {
        return Ok(());
    }
    let behind = room::is_behind(ctx)?;
    for view in views {
        if view.archived && ctx.tx.any_list_changed(&view.jid, ctx.stream)? {
            // It was said before we heard of the change, and says nothing of what is shown now.
            ctx.tx.drop_other_view(&view.jid, view.device)?;
            continue;
        }
        if view.since == 0 && view.archived && behind {
            // A newer one may come.
            continue;
        }
        if view.since == 0 {
            for version in devices::VERSIONS {
                devices::want_list(ctx, &view.jid, version)?;
            }
            ctx.tx.put_other_view(&OtherView { since: ctx.now.wall, ..view })?;
            continue;
        }
        if is_looking(ctx, &view.jid)? {
            ctx.tx.put_other_view(&OtherView { since: ctx.now.wall, ..view })?;
            continue;
        }
        let ours = of(ctx, &view.jid)?;
        let (same, unchanged) = (ours == Some(view.hash), ours == Some(view.ours));
        if same || (view.archived && !unchanged) || ours.is_none() {
            ctx.tx.drop_other_view(&view.jid, view.device)?;
        } else if view.archived || ctx.now.wall >= view.since + RACE {
            ctx.tx.drop_other_view(&view.jid, view.device)?;
            let what = What::OtherList.code();
            ctx.tx.raise_alarm(what, &view.jid, (Some(view.device), None), "", ctx.now.wall)?;
        }
    }
    Ok(())
}

/// A new stream: lists are read anew, and so what differs is looked at anew.
pub(crate) fn begin(ctx: &Ctx) -> Result<()> {
    ctx.tx.judge_views_anew()
}

/// Whether the second look at this person's lists is still under way.
fn is_looking(ctx: &Ctx, jid: &str) -> Result<bool> {
    let jid = if jid == ctx.me.jid.as_str() { "" } else { jid };
    for version in devices::VERSIONS {
        if ctx.tx.find_want(Kind::List.code(), jid, devices::code(version))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When the next one is to be judged by time alone.
pub(crate) fn next(tx: &Tx) -> Result<Option<i64>> {
    Ok(tx.oldest_other_view()?.map(|since| since + RACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_the_documented_one() {
        let lists = [(Version::V03, vec![7, 5]), (Version::V2, vec![12, 5, 12])];
        assert_eq!(hash(&lists), <[u8; 32]>::from(Sha256::digest("2 5\n2 12\n0.3 5\n0.3 7\n")));
        assert_eq!(hash(&[]), <[u8; 32]>::from(Sha256::digest("")));
    }
}
