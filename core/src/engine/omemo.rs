//! OMEMO (XEP-0384) between rows and the omemo crate: each operation loads its session, and stores the change in the
//! same transaction. Nothing of a ratchet is ever held in memory.

use super::trust::alarms::{self, What};
use super::trust::{self, decision, quarantine};
use super::xml::{Build, base64, child_text, el, to_base64};
use super::{Ctx, devices, healing, ns};
use crate::error::Result;
use crate::model::Trust;
use crate::seal::Sealed;
use crate::store::device::DeviceRow;
use crate::store::outgoing::Fate;
use dunnock_omemo::{Decrypted, Error, IdentityKey, Incoming, Session, Version, payload};
use minidom::Element;
use zeroize::Zeroizing;

/// Several `<key/>` of one device id can be for us (ids of other people's devices may equal ours); more is abuse.
const KEYS_TRIED: usize = 4;

/// Who wrote a message that we could read.
#[derive(Clone, Copy)]
pub(crate) struct Author {
    pub device: u32,
    pub identity: [u8; 32],
    pub trust: Trust,
    /// The version that opened it: a message may be sealed in both.
    pub version: Version,
}

/// What a sealed message turned out to be.
pub(crate) enum Opened {
    /// Its content: a text (0.3) or an envelope (2).
    Content(Zeroizing<Vec<u8>>, Author),
    /// An empty message: it only moved the session.
    Empty,
    /// It was read before.
    Repeated,
    /// It cannot be read, and why.
    Unreadable(&'static str, Option<u32>),
}

/// A device to encrypt for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub jid: String,
    pub device: u32,
    pub version: Version,
}

/// The namespace of a version's `<encrypted/>`.
pub(crate) fn namespace(version: Version) -> &'static str {
    match version {
        Version::V03 => ns::OMEMO03,
        Version::V2 => ns::OMEMO2,
    }
}

/// The sealed part of a message, the better version first, if it is sealed at all.
pub(crate) fn find(message: &Element) -> Option<(Version, &Element)> {
    let found = |version| message.get_child("encrypted", namespace(version)).map(|element| (version, element));
    found(Version::V2).or_else(|| found(Version::V03))
}

/// Opens a sealed message of `sender`. What it changes is stored; a message that cannot be read changes no session.
/// `digest` stands for its payload.
pub(crate) fn open(ctx: &mut Ctx, sender: &str, message: &Element, digest: &[u8]) -> Result<Opened> {
    let mut last = Opened::Unreadable("not_encrypted", None);
    for version in devices::VERSIONS {
        let Some(encrypted) = message.get_child("encrypted", namespace(version)) else { continue };
        last = open_version(ctx, sender, version, encrypted, digest)?;
        if !matches!(last, Opened::Unreadable("not_for_this_device", _)) {
            break;
        }
    }
    Ok(last)
}

fn open_version(ctx: &mut Ctx, sender: &str, version: Version, encrypted: &Element, digest: &[u8]) -> Result<Opened> {
    let header = encrypted.get_child("header", namespace(version));
    let sender_id = |header: &Element| header.attr("sid")?.parse().ok().filter(|id| is_device_id(*id));
    let Some((header, device)) = header.and_then(|header| Some((header, sender_id(header)?))) else {
        return Ok(Opened::Unreadable("malformed", None));
    };
    let row = known_device(ctx, sender, device)?;
    let keys = keys_for_us(ctx, version, header);
    if keys.is_empty() {
        return Ok(Opened::Unreadable("not_for_this_device", Some(device)));
    }
    let sealed = Payload::of(version, encrypted, header);
    let mut refusal = Error::Malformed;
    for (exchange, bytes) in keys {
        let Ok(incoming) = Incoming::parse(version, exchange, &bytes) else { continue };
        match read(ctx, &row, version, &incoming, &sealed)? {
            Ok(opened) => return Ok(opened),
            Err(error) => refusal = error,
        }
    }
    if ctx.tx.is_known_payload(sender, digest)? {
        // An archive gives what was dealt with long ago: that heals nothing and is shown once.
        return Ok(Opened::Repeated);
    }
    healing::failed(ctx, &row, version, refusal)?;
    if refusal == Error::AlreadyRead {
        return Ok(Opened::Repeated);
    }
    Ok(Opened::Unreadable(reason(ctx, &row, version, refusal)?, Some(device)))
}

/// Whether a number can be a device's: from 1 to 2^31 - 1 (XEP-0384 section 5.3.1).
pub(crate) fn is_device_id(id: u32) -> bool {
    (1..=i32::MAX as u32).contains(&id)
}

/// The device's row; one that its owner never listed makes us ask for the list (XEP-0384 section 5.8).
fn known_device(ctx: &mut Ctx, sender: &str, device: u32) -> Result<DeviceRow> {
    if let Some(row) = ctx.tx.device(sender, device)? {
        return Ok(row);
    }
    for version in devices::VERSIONS {
        devices::want_list(ctx, sender, version)?;
    }
    Ok(DeviceRow::unknown(sender, device))
}

fn keys_for_us(ctx: &Ctx, version: Version, header: &Element) -> Vec<(bool, Vec<u8>)> {
    let ours = ctx.me.device.to_string();
    let is_true = |value: Option<&str>| matches!(value, Some("true" | "1"));
    let read = |keys: &Element, flag: &str| -> Vec<(bool, Vec<u8>)> {
        let keys = keys.children().filter(|key| key.name() == "key" && key.attr("rid") == Some(&ours));
        keys.take(KEYS_TRIED).filter_map(|key| Some((is_true(key.attr(flag)), base64(&key.text())?))).collect()
    };
    match version {
        Version::V03 => read(header, "prekey"),
        Version::V2 => {
            let own =
                header.children().find(|keys| keys.name() == "keys" && keys.attr("jid") == Some(ctx.me.jid.as_str()));
            own.map(|keys| read(keys, "kex")).unwrap_or_default()
        }
    }
}

/// The shared part of a sealed message.
struct Payload {
    version: Version,
    data: Option<Vec<u8>>,
    iv: Vec<u8>,
}

impl Payload {
    fn of(version: Version, encrypted: &Element, header: &Element) -> Self {
        let text = child_text(encrypted, "payload", namespace(version));
        let iv = child_text(header, "iv", namespace(version)).and_then(|iv| base64(&iv)).unwrap_or_default();
        Payload { version, data: text.map(|text| base64(&text).unwrap_or_default()), iv }
    }

    /// The clear content; `None` for an empty message.
    fn open(&self, key_material: &[u8]) -> std::result::Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match &self.data {
            None => Ok(None),
            Some(data) => payload::decrypt(self.version, key_material, &self.iv, data).map(Some),
        }
    }
}

/// Tries the sessions with the device, then a key exchange. The outer error is the store's, the inner one the message's.
fn read(
    ctx: &mut Ctx,
    row: &DeviceRow,
    version: Version,
    incoming: &Incoming,
    sealed: &Payload,
) -> Result<std::result::Result<Opened, Error>> {
    let mut sessions = ctx.tx.sessions(&row.jid, row.device, version)?;
    sessions.sort_by_key(|(_, session)| !session.recognises(incoming));
    let mut refusal = None;
    for (id, session) in &sessions {
        let skipped = ctx.tx.skipped(*id, incoming.ratchet_key(), incoming.n())?;
        let clear = match session.decrypt(incoming, skipped.as_ref()) {
            Ok((decrypted, change)) => match sealed.open(&decrypted.key_material) {
                Ok(clear) => {
                    ctx.tx.apply_change(*id, &change, true)?;
                    (clear, decrypted, session.peer_identity())
                }
                // The key holds but the payload was tampered with: the session stays, so that the true copy can be read.
                Err(error) => return Ok(Err(error)),
            },
            Err(error @ (Error::AlreadyRead | Error::TooManySkipped | Error::IdentityMismatch)) => {
                if session.recognises(incoming) {
                    return Ok(Err(error));
                }
                refusal = refusal.or(Some(error));
                continue;
            }
            Err(error) => {
                refusal = refusal.or(Some(error));
                continue;
            }
        };
        return opened(ctx, row, version, clear).map(Ok);
    }
    match incoming.key_exchange() {
        Some(_) => accept(ctx, row, version, incoming, sealed),
        None => Ok(Err(refusal.unwrap_or(Error::UnknownPreKey))),
    }
}

/// A key exchange of no session that we have: begins one.
fn accept(
    ctx: &mut Ctx,
    row: &DeviceRow,
    version: Version,
    incoming: &Incoming,
    sealed: &Payload,
) -> Result<std::result::Result<Opened, Error>> {
    let Some(exchange) = incoming.key_exchange() else { return Ok(Err(Error::Malformed)) };
    if !accept_identity(ctx, row, &exchange.identity)? {
        return Ok(Err(Error::IdentityMismatch));
    }
    if ctx.tx.began_a_session(version, &exchange.base_key)? {
        return Ok(Err(Error::AlreadyRead));
    }
    // While an archive is read, a pre-key may be met again that several people took from the same old bundle.
    let catching_up =
        !super::mam::is_complete(ctx)? || super::second_look::is_due(ctx)? || super::room::is_behind(ctx)?;
    let pre_key = ctx.tx.pre_key(version, exchange.pre_key_id, catching_up)?;
    let signed = ctx.tx.signed_pre_key(version, exchange.signed_pre_key_id)?;
    let (decrypted, change) = match Session::accept(&ctx.me.identity, signed.as_ref(), pre_key.as_ref(), incoming) {
        Ok(accepted) => accepted,
        Err(error) => return Ok(Err(error)),
    };
    let clear = match sealed.open(&decrypted.key_material) {
        Ok(clear) => clear,
        Err(error) => return Ok(Err(error)),
    };
    let id = ctx.tx.insert_session(&row.jid, row.device, &change.session)?;
    ctx.tx.apply_change(id, &change, true)?;
    if let Some(used) = change.used_pre_key {
        ctx.tx.use_pre_key(version, used, change.session.base_key(), ctx.now.wall)?;
        ctx.want_own(super::want::Kind::PublishBundle, devices::code(version))?;
    }
    let identity = change.session.peer_identity();
    opened(ctx, row, version, (clear, decrypted, identity)).map(Ok)
}

/// A message was read: the device is heard of, and gets its empty answer where the protocol asks for one.
fn opened(
    ctx: &mut Ctx,
    row: &DeviceRow,
    version: Version,
    (clear, decrypted, identity): (Option<Zeroizing<Vec<u8>>>, Decrypted, IdentityKey),
) -> Result<Opened> {
    let before = ctx.tx.device(&row.jid, row.device)?;
    let mut row = before.clone().unwrap_or_else(|| row.clone());
    let seen = row.identity.is_none() || (row.signing.is_none() && identity.ed25519().is_some());
    remember_identity(&mut row, &identity);
    row.ever2 |= version == Version::V2;
    if before.as_ref() == Some(&row) {
        ctx.tx.set_heard(&row.jid, row.device, ctx.now.wall)?;
    } else {
        row.heard = ctx.now.wall;
        ctx.tx.put_device(&row)?;
    }
    if seen {
        decision::key_seen(ctx, &mut row)?;
    }
    if (decrypted.new_session || decrypted.heartbeat_due) && !quarantine::is_quarantined(ctx, &row)? {
        healing::answer(ctx, &row.jid, row.device, version)?;
    }
    let author = Author { device: row.device, identity: identity.montgomery(), trust: row.trust, version };
    Ok(match clear {
        Some(clear) => Opened::Content(clear, author),
        None => Opened::Empty,
    })
}

fn remember_identity(row: &mut DeviceRow, identity: &IdentityKey) {
    row.identity = Some(identity.montgomery());
    row.signing = identity.ed25519().or(row.signing);
}

/// Whether a device may show this identity: the first one is remembered, another one is refused and told.
pub(crate) fn accept_identity(ctx: &mut Ctx, row: &DeviceRow, identity: &IdentityKey) -> Result<bool> {
    let same = row.identity.is_none_or(|known| known == identity.montgomery());
    let same_sign = row.signing.is_none() || identity.ed25519().is_none() || row.signing == identity.ed25519();
    let mut row = row.clone();
    if !(same && same_sign) {
        return another_key(ctx, row, identity);
    }
    if row.identity.is_none() || (row.signing.is_none() && identity.ed25519().is_some()) {
        remember_identity(&mut row, identity);
        ctx.tx.put_device(&row)?;
        decision::key_seen(ctx, &mut row)?;
    }
    Ok(true)
}

/// A device shows another key than before: by rights it is another device. It takes the place of one that nobody trusted,
/// or if its key counts by itself; else whoever makes up a key exchange would put out a device that is trusted.
fn another_key(ctx: &mut Ctx, old: DeviceRow, identity: &IdentityKey) -> Result<bool> {
    let mut row = DeviceRow { identity: None, signing: None, trust: Trust::Undecided, ..old.clone() };
    remember_identity(&mut row, identity);
    let spoken_for = decision::recall(ctx, &mut row)? && !trust::is_barred(&row);
    if !spoken_for && !trust::is_barred(&old) {
        if alarms::raise(ctx, What::KeyChanged, &old, &identity.fingerprint())? {
            ctx.tx.tell_device(&old, "key_changed")?;
        }
        return Ok(false);
    }
    row.since = ctx.now.wall;
    row.due = row.trust == Trust::Undecided && row.is_listed();
    ctx.tx.end_sessions(&old.jid, old.device)?;
    ctx.tx.put_device(&row)?;
    ctx.tx.tell_device(&row, "key_changed")?;
    Ok(true)
}

fn reason(ctx: &Ctx, row: &DeviceRow, version: Version, refusal: Error) -> Result<&'static str> {
    Ok(match refusal {
        Error::IdentityMismatch => "key_changed",
        Error::TooManySkipped => "too_many_skipped",
        Error::Malformed | Error::WeakKey => "malformed",
        Error::UnknownPreKey | Error::UnknownSignedPreKey => {
            let exists = ctx.tx.current_session(&row.jid, row.device, version)?.is_some();
            if exists { "unknown_pre_key" } else { "no_session" }
        }
        _ => "forged",
    })
}

/// One `<encrypted/>` for these devices, and those of them that it reaches. `clear` is none for an empty message.
pub(crate) fn encrypt(
    ctx: &mut Ctx,
    version: Version,
    clear: Option<&[u8]>,
    targets: &[Target],
) -> Result<(Element, Vec<Target>)> {
    let (sealed, key_material) = match clear {
        Some(clear) => payload::encrypt(version, clear, ctx.rng),
        None => payload::empty(version, ctx.rng),
    };
    let namespace = namespace(version);
    let mut header = el("header", namespace).at("sid", ctx.me.device.to_string());
    let mut reached: Vec<Target> = Vec::new();
    let mut keys: Vec<(String, Vec<Element>)> = Vec::new();
    for target in targets {
        let Some(key) = key_for(ctx, target, &key_material)? else { continue };
        match keys.iter_mut().find(|(jid, _)| *jid == target.jid) {
            Some((_, list)) => list.push(key),
            None => keys.push((target.jid.clone(), vec![key])),
        }
        reached.push(target.clone());
    }
    for (jid, list) in keys {
        header = match version {
            Version::V03 => header.kids(list),
            Version::V2 => header.kid(el("keys", namespace).at("jid", jid).kids(list)),
        };
    }
    if let Some(iv) = sealed.iv {
        header = header.kid(el("iv", namespace).words(to_base64(&iv)));
    }
    let payload = sealed.data.map(|data| el("payload", namespace).words(to_base64(&data)));
    Ok((el("encrypted", namespace).kid(header).kids(payload), reached))
}

fn key_for(ctx: &mut Ctx, target: &Target, key_material: &[u8]) -> Result<Option<Element>> {
    let Some((id, session)) = ctx.tx.current_session(&target.jid, target.device, target.version)? else {
        return Ok(None);
    };
    let Ok((encrypted, change)) = session.encrypt(key_material, ctx.rng) else {
        // The chain is used up: the next message begins a fresh session.
        ctx.tx.end_sessions(&target.jid, target.device)?;
        return Ok(None);
    };
    ctx.tx.apply_change(id, &change, false)?;
    let key =
        el("key", namespace(target.version)).at("rid", target.device.to_string()).words(to_base64(&encrypted.data));
    let flag = match target.version {
        Version::V03 => "prekey",
        Version::V2 => "kex",
    };
    Ok(Some(if encrypted.key_exchange { key.at(flag, "true") } else { key }))
}

/// Sends an empty message: it confirms or moves the session and shows nothing (XEP-0384 section 5.5).
pub(crate) fn send_empty(ctx: &mut Ctx, jid: &str, device: u32, version: Version) -> Result<()> {
    let target = Target { jid: jid.to_owned(), device, version };
    let (encrypted, reached) = encrypt(ctx, version, None, std::slice::from_ref(&target))?;
    if reached.is_empty() {
        return Ok(());
    }
    let id = ctx.fresh_id();
    let message = el("message", ns::CLIENT)
        .at("to", jid)
        .at("type", "chat")
        .at("id", &*id)
        .kid(encrypted)
        .kid(el("store", ns::HINTS));
    ctx.tx.queue(Fate::Again, None, &Sealed::message(&message)?, "[]")?;
    Ok(())
}
