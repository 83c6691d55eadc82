//! OMEMO bundles (XEP-0384 section 5.3.2): ours, always complete on the server; theirs, to begin sessions.

use super::trust::own_devices;
use super::want::{Answer, Kind, Question};
use super::xml::{Build, base64, child_text, el, to_base64};
use super::{Ctx, devices, healing, ns, omemo, pubsub, trust};
use crate::error::Result;
use crate::store::want::WantRow;
use dunnock_omemo::{Bundle, IdentityKey, Session, Version, generate_pre_keys, sign_pre_key};
use minidom::Element;

/// One-time pre-keys on offer.
const PRE_KEYS: usize = 100;
/// A signed pre-key is replaced after this time, and honoured for as long again; milliseconds.
const ROTATION: i64 = 14 * 24 * 3600 * 1000;
/// A bundle that could not be had is asked for again after this time.
const MISSING_PAUSE: i64 = 600_000;

/// The node of a device's bundle.
pub(crate) fn node(version: Version, device: u32) -> String {
    match version {
        Version::V03 => format!("{}{device}", ns::OMEMO03_BUNDLE),
        Version::V2 => ns::OMEMO2_BUNDLE.to_owned(),
    }
}

fn item(version: Version, device: u32) -> String {
    match version {
        Version::V03 => "current".to_owned(),
        Version::V2 => device.to_string(),
    }
}

/// How many items the node must keep: in version 2 all devices share one (XEP-0384 section 5.3.2).
pub(crate) fn keep(version: Version) -> Option<&'static str> {
    (version == Version::V2).then_some("max")
}

/// What a bundle is wanted for: version, device, and whether an empty message follows at once (healing).
struct Wanted {
    version: Version,
    device: u32,
    heal: bool,
}

fn wanted(row: &WantRow) -> Option<Wanted> {
    let mut words = row.arg.split(' ');
    let version = devices::from_code(words.next()?)?;
    Some(Wanted { version, device: words.next()?.parse().ok()?, heal: words.next() == Some("heal") })
}

fn argument(version: Version, device: u32) -> String {
    format!("{} {device}", devices::code(version))
}

/// Wants the bundle of somebody's device. With `heal`, the fresh session is announced by an empty message.
pub(crate) fn want(ctx: &mut Ctx, jid: &str, device: u32, version: Version, heal: bool) -> Result<()> {
    let arg = argument(version, device) + if heal { " heal" } else { "" };
    if jid == ctx.me.jid.as_str() { ctx.want_own(Kind::Bundle, &arg) } else { ctx.want_of(Kind::Bundle, jid, &arg) }
}

/// Whether a bundle that we lack may still come soon. One never asked for is asked for.
pub(crate) fn is_coming(ctx: &mut Ctx, jid: &str, device: u32, version: Version) -> Result<bool> {
    let own = jid == ctx.me.jid.as_str();
    match ctx.tx.find_want(Kind::Bundle.code(), if own { "" } else { jid }, &argument(version, device))? {
        None => want(ctx, jid, device, version, false).map(|()| true),
        Some(row) => Ok(row.tries == 0 || (row.tries == 1 && row.iq.is_some() && row.due > ctx.now.wall)),
    }
}

/// The question of a want of this file.
pub(crate) fn question(ctx: &mut Ctx, kind: Kind, row: &WantRow) -> Result<Option<Question>> {
    if kind == Kind::PublishBundle {
        let Some((version, only)) = devices::publishing(&row.arg) else { return Ok(None) };
        return Ok(Some(Question::set(publication(ctx, version, only)?)));
    }
    let Some(Wanted { version, device, .. }) = wanted(row) else { return Ok(None) };
    let item = (version == Version::V2).then(|| item(version, device));
    Ok(Some(Question::get(pubsub::items(&node(version, device), item.as_deref()))))
}

/// The answer to a want of this file.
pub(crate) fn answered(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    if kind == Kind::PublishBundle {
        return published(ctx, row, answer);
    }
    let Some(wanted) = wanted(row) else { return ctx.drop_want(row) };
    let owner = if row.jid.is_empty() { ctx.bare() } else { row.jid.clone() };
    let bundle = match answer {
        Answer::Result(stanza) => parse(stanza, &wanted),
        Answer::Error(..) => None,
    };
    if owner == ctx.me.jid.as_str() && wanted.device == ctx.me.device {
        ctx.drop_want(row)?;
        return own_seen(ctx, wanted.version, bundle);
    }
    if ctx.tx.device(&owner, wanted.device)?.is_none_or(|row| !row.is_listed() && trust::is_barred(&row)) {
        return ctx.drop_want(row);
    }
    let begun = match bundle {
        Some(bundle) => begin(ctx, &owner, &wanted, &bundle)?,
        None => false,
    };
    if begun {
        return ctx.drop_want(row);
    }
    ctx.tx.count("bundle_unusable")?;
    ctx.later(row, MISSING_PAUSE)
}

/// Our own bundle as the server has it: published again when it vanished or is not the one we hold the keys of.
fn own_seen(ctx: &mut Ctx, version: Version, seen: Option<Bundle>) -> Result<()> {
    let ours = ours(ctx, version)?;
    if let Some(seen) = seen.as_ref().filter(|seen| seen.identity.montgomery() != ours.identity.montgomery()) {
        own_devices::keys_replaced(ctx, version, &seen.identity.fingerprint())?;
    }
    let whole = seen.is_some_and(|seen| {
        seen.signed_pre_key_id == ours.signed_pre_key_id
            && seen.signed_pre_key == ours.signed_pre_key
            && seen.identity.montgomery() == ours.identity.montgomery()
            && seen.pre_keys.iter().all(|key| ours.pre_keys.contains(key))
            && seen.pre_keys.len() == ours.pre_keys.len()
    });
    if whole { Ok(()) } else { ctx.want_own(Kind::PublishBundle, devices::code(version)) }
}

/// Begins a session from a bundle, if the bundle is sound and of the identity that we know.
fn begin(ctx: &mut Ctx, owner: &str, wanted: &Wanted, bundle: &Bundle) -> Result<bool> {
    if wanted.heal && healing::is_healed(ctx, owner, wanted.device, wanted.version)? {
        return Ok(true);
    }
    let Some(row) = ctx.tx.device(owner, wanted.device)? else { return Ok(false) };
    // The identity of a bundle that does not hold is nobody's: to remember it would refuse the true one.
    if bundle.verify(wanted.version).is_err() || !omemo::accept_identity(ctx, &row, &bundle.identity)? {
        return Ok(false);
    }
    // Of a device in quarantine the key is wanted, so that somebody can decide, and no session.
    match ctx.tx.device(owner, wanted.device)? {
        Some(row) if !trust::quarantine::is_quarantined(ctx, &row)? => {}
        _ => return Ok(true),
    }
    let Ok(session) = Session::initiate(wanted.version, &ctx.me.identity, bundle, ctx.rng) else { return Ok(false) };
    ctx.tx.insert_session(owner, wanted.device, &session)?;
    if wanted.heal {
        omemo::send_empty(ctx, owner, wanted.device, wanted.version)?;
    }
    Ok(true)
}

fn published(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    let Some((version, only)) = devices::publishing(&row.arg) else { return ctx.drop_want(row) };
    let configuration = format!("{} bundle", devices::code(version));
    match answer {
        Answer::Result(_) if only => {
            ctx.drop_want(row)?;
            ctx.want_own(Kind::ConfigureNode, &configuration)
        }
        Answer::Result(_) => ctx.drop_want(row),
        Answer::Error(_, stanza) if pubsub::is_precondition(stanza) => {
            ctx.want_own(Kind::ConfigureNode, &configuration)?;
            ctx.later(row, 2_000)
        }
        Answer::Error(..) => {
            ctx.tx.count("publish_bundle_refused")?;
            devices::publish_only(ctx, row, version, only)
        }
    }
}

/// Our bundle, filled up to its full number of pre-keys, the signed one rotated when it is old.
fn ours(ctx: &mut Ctx, version: Version) -> Result<Bundle> {
    let now = ctx.now.wall;
    let current = ctx.tx.current_signed_pre_key(version)?;
    let signed = match current {
        Some((pair, made)) if now - made < ROTATION => pair,
        old => {
            let id = old.map_or(1, |(pair, _)| pair.id() % 0x00ff_ffff + 1);
            let pair = sign_pre_key(version, &ctx.me.identity, id, ctx.rng);
            ctx.tx.insert_signed_pre_key(version, &pair, now)?;
            ctx.tx.delete_old_signed_pre_keys(version, now - 2 * ROTATION)?;
            pair
        }
    };
    let mut free = ctx.tx.free_pre_keys(version)?;
    if free.len() < PRE_KEYS {
        let missing = (PRE_KEYS - free.len()) as u32;
        let fresh = generate_pre_keys(ctx.rng, ctx.tx.reserve_pre_key_ids(missing)?, missing);
        ctx.tx.insert_pre_keys(version, &fresh)?;
        free.extend(fresh);
    }
    Ok(Bundle::new(&ctx.me.identity, &signed, &free))
}

fn publication(ctx: &mut Ctx, version: Version, only: bool) -> Result<Element> {
    let bundle = build(version, &ours(ctx, version)?);
    let (node, item) = (node(version, ctx.me.device), item(version, ctx.me.device));
    Ok(match only {
        true => pubsub::publish_only(&node, &item, bundle),
        false => pubsub::publish(&node, &item, bundle, keep(version)),
    })
}

fn build(version: Version, bundle: &Bundle) -> Element {
    let public = |key: &[u8; 32]| to_base64(&version.encode_public(key));
    let identity = to_base64(&bundle.identity.to_wire(version).expect("our identity has both forms"));
    match version {
        Version::V03 => {
            let e = |name: &str| el(name, ns::OMEMO03);
            let keys = bundle
                .pre_keys
                .iter()
                .map(|(id, key)| e("preKeyPublic").at("preKeyId", id.to_string()).words(public(key)));
            e("bundle")
                .kid(
                    e("signedPreKeyPublic")
                        .at("signedPreKeyId", bundle.signed_pre_key_id.to_string())
                        .words(public(&bundle.signed_pre_key)),
                )
                .kid(e("signedPreKeySignature").words(to_base64(&bundle.signature)))
                .kid(e("identityKey").words(identity))
                .kid(e("prekeys").kids(keys))
        }
        Version::V2 => {
            let e = |name: &str| el(name, ns::OMEMO2);
            let keys = bundle.pre_keys.iter().map(|(id, key)| e("pk").at("id", id.to_string()).words(public(key)));
            e("bundle")
                .kid(e("spk").at("id", bundle.signed_pre_key_id.to_string()).words(public(&bundle.signed_pre_key)))
                .kid(e("spks").words(to_base64(&bundle.signature)))
                .kid(e("ik").words(identity))
                .kid(e("prekeys").kids(keys))
        }
    }
}

fn parse(stanza: &Element, wanted: &Wanted) -> Option<Bundle> {
    let Wanted { version, device, .. } = *wanted;
    let items = pubsub::items_of(stanza, &node(version, device));
    let payload = match version {
        Version::V03 => items.last()?.1,
        Version::V2 => items.iter().find(|(id, _)| *id == device.to_string())?.1,
    };
    let (namespace, signed, signed_id, signature, identity, one, one_id) = match version {
        Version::V03 => {
            let names = (
                "signedPreKeyPublic",
                "signedPreKeyId",
                "signedPreKeySignature",
                "identityKey",
                "preKeyPublic",
                "preKeyId",
            );
            (ns::OMEMO03, names.0, names.1, names.2, names.3, names.4, names.5)
        }
        Version::V2 => (ns::OMEMO2, "spk", "id", "spks", "ik", "pk", "id"),
    };
    let bundle = payload.get_child("bundle", namespace)?;
    let public = |text: String| version.decode_public(&base64(&text)?).ok();
    let signed_pre_key = bundle.get_child(signed, namespace)?;
    let pre_keys = bundle.get_child("prekeys", namespace)?.children().filter(|child| child.name() == one).take(1000);
    let pre_keys = pre_keys.filter_map(|key| Some((key.attr(one_id)?.parse().ok()?, public(key.text())?)));
    Some(Bundle {
        identity: IdentityKey::from_wire(version, &base64(&child_text(bundle, identity, namespace)?)?).ok()?,
        signed_pre_key_id: signed_pre_key.attr(signed_id)?.parse().ok()?,
        signed_pre_key: public(signed_pre_key.text())?,
        signature: base64(&child_text(bundle, signature, namespace)?)?.try_into().ok()?,
        pre_keys: unambiguous(pre_keys.collect()),
    })
}

/// Pre-keys whose ids are numbers as they should be, each once: of an id with two keys nobody knows which its owner holds.
fn unambiguous(mut keys: Vec<(u32, [u8; 32])>) -> Vec<(u32, [u8; 32])> {
    keys.retain(|(id, _)| *id <= i32::MAX as u32);
    keys.sort_unstable();
    keys.dedup();
    let doubled: Vec<u32> = keys.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0).collect();
    keys.retain(|(id, _)| doubled.binary_search(id).is_err());
    keys
}
