//! OMEMO device lists (XEP-0384 section 5.3): who has which devices, in both versions, and that ours is among them.

use super::trust::alarms::{self, What};
use super::trust::{decision, own_devices, quarantine, view};
use super::want::{self, Answer, Kind, Question};
use super::xml::{Build, bare_of, el};
use super::{Ctx, bundle, healing, ns, omemo, pubsub, room, trust};
use crate::error::Result;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use crate::store::want::WantRow;
use dunnock_omemo::Version;
use minidom::Element;

/// Both versions, the better one first.
pub(crate) const VERSIONS: [Version; 2] = [Version::V2, Version::V03];
/// More devices than this in one list are ignored: no person has them, and each would cost a session.
pub(crate) const MOST: usize = 64;
/// How long to wait before a refused publication is tried again, milliseconds.
const REFUSED_PAUSE: i64 = 120_000;

/// How long to wait before a server that is busy, or cannot be reached, is asked again; doubled each time, milliseconds.
const BUSY_PAUSE: i64 = 10_000;
/// Ends the argument of a want to publish that says nothing of the node.
const ONLY: &str = " only";

/// Conditions of a server that was reached: some say to strangers that something is forbidden where there is nothing.
const REACHED: [&str; 2] = ["forbidden", "not-authorized"];

/// How a version is named in wants and on the border.
pub(crate) fn code(version: Version) -> &'static str {
    match version {
        Version::V03 => "0.3",
        Version::V2 => "2",
    }
}

/// The version of this name.
pub(crate) fn from_code(code: &str) -> Option<Version> {
    VERSIONS.into_iter().find(|version| self::code(*version) == code)
}

fn node(version: Version) -> &'static str {
    match version {
        Version::V03 => ns::OMEMO03_LIST,
        Version::V2 => ns::OMEMO2_LIST,
    }
}

/// Wants both lists of a person, unless they were confirmed on this stream.
pub(crate) fn want_lists(ctx: &mut Ctx, jid: &str) -> Result<()> {
    for version in VERSIONS {
        if !is_confirmed(ctx, jid, version)? {
            want_list(ctx, jid, version)?;
        }
    }
    Ok(())
}

/// Wants one list, confirmed or not.
pub(crate) fn want_list(ctx: &mut Ctx, jid: &str, version: Version) -> Result<()> {
    if jid == ctx.me.jid.as_str() {
        return ctx.want_own(Kind::List, code(version));
    }
    ctx.want_of(Kind::List, jid, code(version))?;
    ctx.tx.hasten(Kind::List.code(), jid, code(version), ctx.now.wall)
}

/// A push past the limits of the wire: what it was about is asked for, and told if that is too large as well.
pub(crate) fn cut(ctx: &mut Ctx, owner: &str) -> Result<()> {
    if !is_of_interest(ctx, owner)? {
        return Ok(());
    }
    VERSIONS.into_iter().try_for_each(|version| want_list(ctx, owner, version))
}

/// Whether this list does not come in time: it was asked for and nobody answered, or not now.
pub(crate) fn is_late(ctx: &Ctx, jid: &str, version: Version) -> Result<bool> {
    let want = ctx.tx.find_want(Kind::List.code(), jid, code(version))?;
    Ok(want.is_some_and(|row| row.tries > 1 || (row.tries == 1 && (row.iq.is_none() || row.due <= ctx.now.wall))))
}

/// Whether this list was read on this stream.
pub(crate) fn is_confirmed(ctx: &Ctx, jid: &str, version: Version) -> Result<bool> {
    Ok(ctx.tx.device_list(jid, version)?.is_some_and(|(stream, _)| stream == ctx.stream))
}

/// The question of a want of this file.
pub(crate) fn question(ctx: &mut Ctx, kind: Kind, row: &WantRow) -> Result<Option<Question>> {
    let Some(version) = from_code(row.arg.split(' ').next().unwrap_or("")) else { return Ok(None) };
    Ok(match kind {
        Kind::List => Some(Question::get(pubsub::items(node(version), None))),
        Kind::PublishList => Some(Question::set(publication(ctx, version, row.arg.ends_with(ONLY))?)),
        Kind::ConfigureNode if row.arg.ends_with("bundle") => {
            Some(Question::set(pubsub::configure(&bundle::node(version, ctx.me.device), bundle::keep(version))))
        }
        Kind::ConfigureNode => Some(Question::set(pubsub::configure(node(version), None))),
        _ => None,
    })
}

/// The answer to a want of this file.
pub(crate) fn answered(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    let Some(version) = from_code(row.arg.split(' ').next().unwrap_or("")) else { return ctx.drop_want(row) };
    match (kind, answer) {
        (Kind::List, answer) => {
            let owner = if row.jid.is_empty() { ctx.bare() } else { row.jid.clone() };
            if let Answer::Error(_, stanza) = &answer
                && may_pass(stanza)
                && ctx.tx.device_list(&owner, version)?.is_none()
            {
                // Nothing was ever known of this person: to go on would mean that they have no device.
                ctx.tx.count("list_delayed")?;
                return ctx.later(row, BUSY_PAUSE << row.tries.min(5));
            }
            ctx.drop_want(row)?;
            list_answered(ctx, &owner, version, answer)
        }
        (Kind::PublishList, Answer::Result(_)) => {
            ctx.drop_want(row)?;
            if row.arg.ends_with(ONLY) {
                ctx.want_own(Kind::ConfigureNode, code(version))?;
            }
            own_devices::published(ctx, version)?;
            let own = ctx.bare();
            ctx.tx.confirm_device_list(&own, version, ctx.stream, ctx.now.wall)?;
            view::own_changed(ctx)
        }
        (Kind::PublishList, Answer::Error(_, stanza)) => {
            if pubsub::is_precondition(stanza) {
                ctx.want_own(Kind::ConfigureNode, code(version))?;
                return ctx.later(row, 2_000);
            }
            ctx.tx.count("publish_list_refused")?;
            publish_only(ctx, row, version, row.arg.ends_with(ONLY))
        }
        _ => ctx.drop_want(row),
    }
}

/// Whether the same question may be answered later (RFC 6120 section 8.3.2).
fn may_pass(stanza: &Element) -> bool {
    stanza.get_child("error", ns::CLIENT).is_some_and(|error| error.attr("type") == Some("wait"))
}

/// What a want to publish asks for: the version, and whether nothing is to be said of the node.
pub(crate) fn publishing(arg: &str) -> Option<(Version, bool)> {
    let version = from_code(arg.strip_suffix(ONLY).unwrap_or(arg))?;
    Some((version, arg.ends_with(ONLY)))
}

/// A publication with options for its node was refused: without them, and the node is configured after. If that was
/// refused too, later.
pub(crate) fn publish_only(ctx: &mut Ctx, row: &WantRow, version: Version, only: bool) -> Result<()> {
    if only {
        return ctx.later(row, REFUSED_PAUSE);
    }
    ctx.drop_want(row)?;
    ctx.tx.want(&row.kind, "", &format!("{}{ONLY}", code(version)), "", ctx.now.wall)
}

fn list_answered(ctx: &mut Ctx, owner: &str, version: Version, answer: Answer) -> Result<()> {
    match answer {
        Answer::Result(stanza) => {
            let ids =
                pubsub::items_of(stanza, node(version)).into_iter().next_back().map(|(_, item)| ids(item, version));
            heard(ctx, owner, version, &ids.unwrap_or_default())
        }
        // No node: no devices in this version.
        Answer::Error(condition, _) if condition == "item-not-found" => heard(ctx, owner, version, &[]),
        // We may not look, or their server is away: what we know stays. It is asked again on the next stream.
        Answer::Error(condition, _) => {
            if condition == want::TOO_LARGE {
                unreadable(ctx, owner, version)?;
            }
            ctx.tx.count("list_refused")?;
            ctx.tx.confirm_device_list(owner, version, ctx.stream, ctx.now.wall)?;
            if !REACHED.contains(&&*condition) {
                ctx.tx.device_list_refused(owner, version)?;
            }
            quarantine::meet(ctx, owner)
        }
    }
}

/// A list is larger than what we read: what we know of it stays, and a person is told. Ours is written anew.
fn unreadable(ctx: &mut Ctx, owner: &str, version: Version) -> Result<()> {
    alarms::raise_of_list(ctx, owner)?;
    if owner == ctx.me.jid.as_str() && own_devices::may_repair(ctx, "list_unreadable", version)? {
        ctx.want_own(Kind::PublishList, code(version))?;
    }
    Ok(())
}

/// A pubsub event arrived: a list of its sender may have changed. True if it was one of ours to read.
pub(crate) fn notified(ctx: &mut Ctx, message: &Element) -> Result<bool> {
    let Some(event) = message.get_child("event", ns::PUBSUB_EVENT) else { return Ok(false) };
    // Only what has no sender is our own account's: a JID that we cannot read is somebody's.
    let owner = match message.attr("from") {
        Some(_) => bare_of(message, "from").map(|jid| jid.to_string()),
        None => Some(ctx.bare()),
    };
    let Some(owner) = owner else {
        ctx.tx.count("list_of_stranger")?;
        return Ok(true);
    };
    let contradicting = contradicting(event);
    for part in event.children() {
        if part.attr("node") == Some(ns::BOOKMARKS) {
            room::bookmarks::notified(ctx, &owner, part)?;
            continue;
        }
        let Some(version) = VERSIONS.into_iter().find(|version| part.attr("node") == Some(node(*version))) else {
            continue;
        };
        if !is_of_interest(ctx, &owner)? {
            ctx.tx.count("list_of_stranger")?;
            continue;
        }
        match part.name() {
            "items" => match part.children().filter(|child| child.name() == "item").last() {
                // Whichever we took, devices would come and go that nobody has: the node itself says what holds.
                _ if contradicting.contains(&version) => {
                    ctx.tx.count("lists_contradicting")?;
                    want_list(ctx, &owner, version)?;
                }
                Some(item) => heard(ctx, &owner, version, &ids(item, version))?,
                None => want_list(ctx, &owner, version)?,
            },
            "purge" | "delete" | "configuration" => want_list(ctx, &owner, version)?,
            _ => {}
        }
    }
    Ok(true)
}

/// The versions of which one push brings lists that differ.
fn contradicting(event: &Element) -> Vec<Version> {
    let differ = |version: &Version| {
        let parts = event.children().filter(|part| part.attr("node") == Some(node(*version)));
        let items = parts.flat_map(|part| part.children().filter(|child| child.name() == "item"));
        let mut lists = items.map(|item| few(&ids(item, *version)));
        let first = lists.next();
        lists.any(|list| Some(list) != first)
    };
    VERSIONS.into_iter().filter(differ).collect()
}

fn is_of_interest(ctx: &Ctx, owner: &str) -> Result<bool> {
    Ok(owner == ctx.me.jid.as_str()
        || ctx.tx.chat(owner)?.is_some()
        || ctx.tx.is_rostered(owner)?
        || ctx.tx.is_member_anywhere(owner)?)
}

fn ids(item: &Element, version: Version) -> Vec<u32> {
    let (name, namespace) = match version {
        Version::V03 => ("list", ns::OMEMO03),
        Version::V2 => ("devices", ns::OMEMO2),
    };
    let Some(list) = item.get_child(name, namespace) else { return Vec::new() };
    let ids =
        list.children().filter(|child| child.name() == "device").filter_map(|child| child.attr("id")?.parse().ok());
    ids.filter(|id| omemo::is_device_id(*id)).collect()
}

/// The ids that count: each once, and not too many.
fn few(ids: &[u32]) -> Vec<u32> {
    let mut few: Vec<u32> = ids.iter().copied().take(MOST).collect();
    few.sort_unstable();
    few.dedup();
    few
}

/// A complete list of one version: devices come, go and return.
fn heard(ctx: &mut Ctx, owner: &str, version: Version, ids: &[u32]) -> Result<()> {
    let own = owner == ctx.me.jid.as_str();
    if own {
        // Ourselves are looked for in the whole list: else a long one would make us publish it again and again.
        own_list(ctx, version, ids)?;
    }
    let ids = &few(ids);
    let known = ctx.tx.devices(owner)?;
    let first = quarantine::is_first(ctx, owner, version, &known)?;
    ctx.tx.confirm_device_list(owner, version, ctx.stream, ctx.now.wall)?;
    let was = known.iter().filter(|row| listed(row, version) && !(own && row.device == ctx.me.device));
    let was: Vec<u32> = was.map(|row| row.device).collect();
    if !was.iter().eq(ids.iter().filter(|id| !(own && **id == ctx.me.device))) {
        ctx.tx.device_list_changed(owner, version, ctx.stream)?;
    }
    for row in known.iter().filter(|row| listed(row, version) && !ids.contains(&row.device)) {
        if own && row.device == ctx.me.device {
            continue;
        }
        let mut row = row.clone();
        set_listed(&mut row, version, false);
        if row.listed03 || row.listed2 {
            ctx.tx.put_device(&row)?;
            continue;
        }
        // Of a device that only ever was a number nothing is worth keeping: lists of ever new numbers would fill the store.
        row.gone = ctx.now.wall;
        match row.identity {
            Some(_) => ctx.tx.put_device(&row)?,
            None => ctx.tx.drop_device(owner, row.device)?,
        }
        ctx.tx.settle_alarms(owner, Some(row.device), "settled")?;
        if own {
            own_devices::changed(ctx, &row, "gone")?;
        }
        ctx.tx.tell_device(&row, "gone")?;
    }
    for id in ids.iter().filter(|id| !(own && **id == ctx.me.device)) {
        let old = known.iter().find(|row| row.device == *id);
        if old.is_some_and(|row| listed(row, version)) {
            continue;
        }
        appeared(ctx, owner, *id, version, old, first)?;
    }
    if own {
        view::own_changed(ctx)?;
    }
    quarantine::meet(ctx, owner)
}

fn appeared(ctx: &mut Ctx, owner: &str, id: u32, version: Version, old: Option<&DeviceRow>, first: bool) -> Result<()> {
    let mut row = old.cloned().unwrap_or_else(|| DeviceRow::unknown(owner, id));
    let was_listed = row.is_listed();
    set_listed(&mut row, version, true);
    if was_listed {
        return ctx.tx.put_device(&row);
    }
    quarantine::appeared(ctx, &mut row, first)?;
    ctx.tx.put_device(&row)?;
    if owner == ctx.me.jid.as_str() {
        own_devices::changed(ctx, &row, "appeared")?;
        if row.trust == Trust::Distrusted {
            // One that was removed, perhaps because it was stolen, is in use.
            alarms::raise(ctx, What::OwnReturned, &row, &row.fingerprint())?;
        }
    }
    if trust::is_barred(&row) && row.identity.is_none() {
        quarantine::want_key(ctx, &row)?;
    }
    match old {
        // One that wrote before its list came to us is as new as any.
        None | Some(DeviceRow { trust: Trust::Undecided, .. }) => ctx.tx.tell_device(&row, "new")?,
        Some(_) => ctx.tx.tell_device(&row, "returned")?,
    }
    healing::listed(ctx, &row)
}

/// Our own list: put ourselves on it when it lacks us.
fn own_list(ctx: &mut Ctx, version: Version, ids: &[u32]) -> Result<()> {
    if !ids.contains(&ctx.me.device) {
        let change = if ids.is_empty() { "list_emptied" } else { "list_lost_us" };
        if !own_devices::may_repair(ctx, change, version)? {
            let later = ctx.now.wall + own_devices::PAUSE;
            return ctx.tx.want(Kind::PublishList.code(), "", code(version), "", later);
        }
        // The bundle first: whoever sees us on the list must find our keys.
        ctx.want_own(Kind::PublishBundle, code(version))?;
        ctx.want_own(Kind::PublishList, code(version))?;
    }
    Ok(())
}

fn publication(ctx: &mut Ctx, version: Version, only: bool) -> Result<Element> {
    let own = ctx.bare();
    let mut ids: Vec<u32> =
        ctx.tx.devices(&own)?.iter().filter(|row| listed(row, version)).map(|row| row.device).collect();
    ids.push(ctx.me.device);
    ids.sort_unstable();
    ids.dedup();
    let (name, namespace) = match version {
        Version::V03 => ("list", ns::OMEMO03),
        Version::V2 => ("devices", ns::OMEMO2),
    };
    let devices = ids.iter().map(|id| el("device", namespace).at("id", id.to_string()));
    let list = el(name, namespace).kids(devices);
    Ok(match only {
        true => pubsub::publish_only(node(version), "current", list),
        false => pubsub::publish(node(version), "current", list, None),
    })
}

/// Takes an own device off our lists and ends its sessions.
pub(crate) fn remove_own(ctx: &mut Ctx, id: u32) -> Result<bool> {
    let own = ctx.bare();
    let Some(mut row) = ctx.tx.device(&own, id)?.filter(|row| row.device != ctx.me.device) else { return Ok(false) };
    (row.listed03, row.listed2) = (false, false);
    ctx.tx.put_device(&row)?;
    // Should it put itself back on the list, it comes back rejected.
    decision::of_person(ctx, &row, Trust::Distrusted)?;
    own_devices::changed(ctx, &row, "removed")?;
    ctx.tx.tell_device(&row, "gone")?;
    for version in VERSIONS {
        ctx.want_own(Kind::PublishList, code(version))?;
    }
    Ok(true)
}

pub(crate) fn listed(row: &DeviceRow, version: Version) -> bool {
    match version {
        Version::V03 => row.listed03,
        Version::V2 => row.listed2,
    }
}

fn set_listed(row: &mut DeviceRow, version: Version, listed: bool) {
    match version {
        Version::V03 => row.listed03 = listed,
        Version::V2 => {
            row.listed2 = listed;
            row.ever2 |= listed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet, sent, xml};
    use super::super::want;
    use super::*;

    fn list(ids: impl Iterator<Item = u32>) -> Element {
        let devices: String = ids.map(|id| format!("<device id='{id}'/>")).collect();
        xml(&format!("<item xmlns='urn:x'><devices xmlns='urn:xmpp:omemo:2'>{devices}</devices></item>"))
    }

    #[test]
    fn a_long_own_list_that_names_us_last_is_not_published_again() {
        juliet(|ctx| {
            let (own, us) = (ctx.bare(), ctx.me.device);
            let named = list((100..300).chain([us]));
            heard(ctx, &own, Version::V2, &ids(&named, Version::V2)).unwrap();
            assert!(ctx.tx.find_want("publish_list", "", "2").unwrap().is_none());
            assert_eq!(ctx.tx.devices(&own).unwrap().iter().filter(|row| row.device != us).count(), MOST);
            heard(ctx, &own, Version::V2, &ids(&list(100..300), Version::V2)).unwrap();
            assert!(ctx.tx.find_want("publish_list", "", "2").unwrap().is_some());
        });
    }

    #[test]
    fn a_device_that_wrote_before_it_was_listed_is_new_and_returns_only_after_it_was_gone() {
        juliet(|ctx| {
            let wrote = DeviceRow { identity: Some([9; 32]), ..DeviceRow::unknown(ROMEO, 5) };
            ctx.tx.put_device(&wrote).unwrap();
            for ids in [&[5][..], &[], &[5]] {
                heard(ctx, ROMEO, Version::V2, ids).unwrap();
            }
            assert_eq!(ctx.tx.told_of_devices(), ["new", "gone", "returned"]);
        });
    }

    #[test]
    fn lists_of_ever_new_numbers_do_not_fill_the_store() {
        juliet(|ctx| {
            for round in 0..20u32 {
                let ids: Vec<u32> = (1..=50).map(|n| round * 50 + n).collect();
                heard(ctx, ROMEO, Version::V2, &ids).unwrap();
            }
            assert_eq!(ctx.tx.devices(ROMEO).unwrap().len(), 50);
        });
    }

    #[test]
    fn a_server_that_is_busy_does_not_say_that_somebody_has_no_device() {
        juliet(|ctx| {
            let asks = |ctx: &mut Ctx| {
                ctx.ask_due().unwrap();
                sent(ctx).last().unwrap().attr("id").unwrap().to_owned()
            };
            let refuse = |ctx: &mut Ctx, id: &str, kind: &str| {
                let iq = format!(
                    "<iq xmlns='jabber:client' type='error' id='{id}' from='{ROMEO}'><error type='{kind}'>
                     <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                );
                want::answered(ctx, &xml(&iq)).unwrap();
            };
            want_list(ctx, ROMEO, Version::V2).unwrap();
            let first = asks(ctx);
            refuse(ctx, &first, "wait");
            assert!(!is_confirmed(ctx, ROMEO, Version::V2).unwrap());
            ctx.now.wall += BUSY_PAUSE * 2;
            let second = asks(ctx);
            assert_ne!(first, second);
            refuse(ctx, &second, "cancel");
            assert!(is_confirmed(ctx, ROMEO, Version::V2).unwrap());
        });
    }
}
