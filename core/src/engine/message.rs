//! Messages coming in: unwrap, check who may wrap, drop what was seen, open what is sealed, write it down.

use super::changes::{self, Said};
use super::content::Content;
use super::corrections::{self, Taken};
use super::digest::digest;
use super::markers::Marker;
use super::omemo::{Author, Opened};
use super::receipts::Receipt;
use super::trust::{removal, view, vouching};
use super::xml::{bare_of, jid_of};
use super::{Ctx, beside, carbons, devices, errors, iq, lost, mam, ns, omemo, presence, receipts, room, sce, want};
use crate::error::Result;
use crate::model::{Delivery, Sealing, Time};
use crate::store::message::NewMessage;
use crate::wire::Arrived;
use dunnock_omemo::Version;
use jid::BareJid;
use minidom::Element;

/// How far a sender's clock may be from what the servers say before that is shown (XEP-0420 section 4), milliseconds.
const TOLERANCE: i64 = 600_000;
/// A live message that waited longer than this says nothing of who types now, milliseconds.
const FRESH: i64 = 30_000;

/// How a message came to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Live,
    Archive,
}

/// A message without its wrapper, and what the wrapper vouches for.
pub(super) struct Unwrapped<'a> {
    pub message: &'a Element,
    pub way: Way,
    pub sender: BareJid,
    pub recipient: BareJid,
    /// The room in which it was said.
    pub room: Option<String>,
    /// The archive's id: our own, or the room's.
    pub stanza_id: Option<String>,
    /// When it was sent, as far as a server says.
    pub stamp: Option<i64>,
    pub arrived: i64,
}

impl Unwrapped<'_> {
    pub(super) fn own(&self, ctx: &Ctx) -> bool {
        self.sender == ctx.me.jid
    }

    /// The other side.
    pub(super) fn chat(&self, ctx: &Ctx) -> String {
        if let Some(room) = &self.room {
            return room.clone();
        }
        if self.own(ctx) { self.recipient.to_string() } else { self.sender.to_string() }
    }

    /// The sender's id: XEP-0359, else the stanza's.
    pub(super) fn origin_id(&self) -> Option<&str> {
        origin_id(self.message)
    }
}

/// What the sender calls a message: XEP-0359, else the stanza's id.
pub(crate) fn origin_id(message: &Element) -> Option<&str> {
    let origin = message.get_child("origin-id", ns::SID).and_then(|origin| origin.attr("id"));
    origin.or_else(|| message.attr("id")).filter(|id| !id.is_empty() && id.len() <= 1024)
}

/// A stanza arrived.
pub(crate) fn arrived(ctx: &mut Ctx, arrived: Arrived) -> Result<()> {
    let stanza = match arrived {
        Arrived::Whole(stanza) => stanza,
        Arrived::Oversized { stump, .. } => {
            ctx.tx.count("stanza_oversized")?;
            return if stump.name() == "iq" { want::cut(ctx, &stump) } else { cut(ctx, &stump) };
        }
        Arrived::Unparsable => return ctx.tx.count("stanza_unparsable"),
    };
    match stanza.name() {
        "message" => message(ctx, &stanza),
        "presence" => presence::arrived(ctx, &stanza),
        "iq" => iq::arrived(ctx, &stanza),
        _ => ctx.tx.count("stanza_unknown"),
    }
}

/// A stanza past the limits: thrown away on the wire but for this, yet a message leaves a row.
fn cut(ctx: &mut Ctx, stump: &Element) -> Result<()> {
    let wrapped = stump.children().any(|child| !child.is("stanza-id", ns::SID));
    let foreign = stump.attr("from").is_some() && bare_of(stump, "from").is_none_or(|from| from != ctx.me.jid);
    if stump.name() != "message" || kind(stump) == "error" {
        return Ok(());
    }
    // Services speak as a bare JID: this may have been a device list.
    let service = jid_of(stump, "from").filter(|from| from.resource().is_none()).map(|from| from.to_string());
    if !wrapped && let Some(owner) = service.or_else(|| (!foreign).then(|| ctx.bare())) {
        devices::cut(ctx, &owner)?;
    }
    // What our own account sends without a wrapper is no message of a person, as far as one can tell.
    if !(wrapped || foreign) {
        return Ok(());
    }
    ctx.cut = true;
    let done = message(ctx, stump);
    ctx.cut = false;
    done
}

fn message(ctx: &mut Ctx, stanza: &Element) -> Result<()> {
    if kind(stanza) == "error" {
        return errors::arrived(ctx, stanza);
    }
    if let Some(result) = stanza.get_child("result", ns::MAM) {
        return mam::result(ctx, stanza, result);
    }
    if devices::notified(ctx, stanza)? {
        return Ok(());
    }
    if kind(stanza) == "groupchat" || room::message::is_notice(ctx, stanza)? {
        return room::message::arrived(ctx, stanza);
    }
    if mam::is_over(ctx)? || !is_archivable(ctx, stanza) {
        return live(ctx, stanza, ctx.now.wall);
    }
    let raw = String::from_utf8(super::xml::bytes(stanza)).expect("XML is UTF-8");
    ctx.tx.put_inbox(&raw, ctx.now.wall)
}

/// What kind of message it is; one without a type, or of a type that nobody defined, is normal (RFC 6121 section 5.2.2).
fn kind(message: &Element) -> &'static str {
    let kinds = ["chat", "error", "groupchat", "headline"];
    kinds.into_iter().find(|kind| message.attr("type") == Some(kind)).unwrap_or("normal")
}

/// Whether our archive may hold this message too, so that it has to wait for its turn.
fn is_archivable(ctx: &Ctx, stanza: &Element) -> bool {
    let message = match carbons::unwrap(ctx, stanza) {
        Some(Ok(inner)) => inner,
        Some(Err(())) => return false,
        None => stanza,
    };
    matches!(kind(message), "chat" | "normal")
        && (omemo::find(message).is_some() || message.has_child("body", ns::CLIENT))
}

/// A message that came by itself, or a carbon of one.
pub(crate) fn live(ctx: &mut Ctx, stanza: &Element, arrived: i64) -> Result<()> {
    #[cfg(test)]
    crate::scratch::crash_if_asked(stanza, "crashes later");
    let message = match carbons::unwrap(ctx, stanza) {
        Some(Ok(inner)) => inner,
        Some(Err(())) => return ctx.tx.count("carbon_forged"),
        None => stanza,
    };
    let Some((sender, recipient)) = parties(ctx, message) else { return ctx.tx.count("message_malformed") };
    if sender != ctx.me.jid && recipient != ctx.me.jid {
        return ctx.tx.count("message_misrouted");
    }
    let stanza_id = trusted_stanza_id(ctx, message)?;
    if let Some(id) = &stanza_id {
        mam::passed(ctx, id)?;
    }
    let stamp = delayed(ctx, message, &sender).filter(|time| *time <= arrived);
    handle(ctx, Unwrapped { message, way: Way::Live, sender, recipient, room: None, stanza_id, stamp, arrived })
}

/// Since when a live message was under way, as our own side says (XEP-0203): our server, which kept it while we were
/// away, names its domain or our account. Anybody else could date back what they say, other servers with them. Of what
/// our own devices sent, they know it themselves. The latest counts, as our server adds what it has to say.
fn delayed(ctx: &Ctx, message: &Element, sender: &BareJid) -> Option<i64> {
    let ours = |delay: &&Element| {
        let from = jid_of(delay, "from");
        let server = |from: &jid::Jid| from.node().is_none() && from.resource().is_none();
        *sender == ctx.me.jid
            || from.is_some_and(|from| match server(&from) {
                true => from.domain() == ctx.me.jid.domain(),
                false => from == *ctx.me.jid,
            })
    };
    let delays = message.children().filter(|child| child.is("delay", ns::DELAY)).filter(ours);
    delays.filter_map(|delay| Time::parse(delay.attr("stamp")?)).map(|time| time.0).max()
}

/// A message out of our archive, whose wrapper was checked.
pub(crate) fn archived(ctx: &mut Ctx, message: &Element, id: &str, stamp: Option<Time>) -> Result<()> {
    let Some((sender, recipient)) = parties(ctx, message) else { return ctx.tx.count("message_malformed") };
    if sender != ctx.me.jid && recipient != ctx.me.jid {
        return ctx.tx.count("message_misrouted");
    }
    let stamp = stamp.map(|time| time.0);
    let arrived = ctx.now.wall;
    handle(
        ctx,
        Unwrapped {
            message,
            way: Way::Archive,
            sender,
            recipient,
            room: None,
            stanza_id: Some(id.to_owned()),
            stamp,
            arrived,
        },
    )
}

/// What was said in a room, by whom the room says it was.
pub(crate) struct InRoom<'a> {
    pub message: &'a Element,
    pub room: BareJid,
    /// The real bare JID; the room's own where nobody knows it.
    pub sender: BareJid,
    /// The id of the room's archive.
    pub stanza_id: Option<String>,
    /// Whether it comes out of the room's archive.
    pub archived: bool,
    pub stamp: Option<i64>,
    pub arrived: i64,
}

/// A message of a room, whose wrapper and author were looked at.
pub(crate) fn in_room(ctx: &mut Ctx, said: InRoom) -> Result<()> {
    let InRoom { message, room, sender, stanza_id, archived, stamp, arrived } = said;
    let way = if archived { Way::Archive } else { Way::Live };
    let name = Some(room.to_string());
    handle(ctx, Unwrapped { message, way, sender, recipient: room, room: name, stanza_id, stamp, arrived })
}

/// Sender and recipient; what is absent is our own account (RFC 6120 section 8.1).
fn parties(ctx: &Ctx, message: &Element) -> Option<(BareJid, BareJid)> {
    let party = |name: &str| match message.attr(name) {
        Some(_) => jid_of(message, name).map(|jid| jid.to_bare()),
        None => Some(ctx.me.jid.clone()),
    };
    Some((party("from")?, party("to")?))
}

/// The archive id that our own server put in, if it says that it does (XEP-0359 section 6).
fn trusted_stanza_id(ctx: &Ctx, message: &Element) -> Result<Option<String>> {
    if !ctx.tx.connection()?.sid {
        return Ok(None);
    }
    let mut ids = message.children().filter(|child| child.is("stanza-id", ns::SID));
    let ours = ids.find(|child| bare_of(child, "by").is_some_and(|by| by == ctx.me.jid));
    Ok(ours.and_then(|child| child.attr("id")).map(str::to_owned))
}

fn handle(ctx: &mut Ctx, unwrapped: Unwrapped) -> Result<()> {
    let message = unwrapped.message;
    match kind(message) {
        "groupchat" if unwrapped.room.is_some() => {}
        "chat" | "normal" if unwrapped.room.is_none() => {}
        "groupchat" => return ctx.tx.count("groupchat_unjoined"),
        _ => return ctx.tx.count("message_other_type"),
    }
    let (own, chat) = (unwrapped.own(ctx), unwrapped.chat(ctx));
    if let Some(id) = &unwrapped.stanza_id
        && ctx.tx.is_archived_as(&chat, id)?
    {
        return Ok(());
    }
    if unwrapped.room.is_none() && room::invite::received(ctx, &unwrapped.sender, message, unwrapped.stamp)? {
        return Ok(());
    }
    if unwrapped.room.is_none() && ctx.tx.is_room(&chat)? {
        // Somebody inside whispers (XEP-0045 section 7.5): shown in the room's history, it would be the room's own word.
        return ctx.tx.count("room_whisper");
    }
    if own && seen_ours(ctx, &unwrapped, &chat)? {
        return Ok(());
    }
    let sender = unwrapped.sender.to_string();
    // What stands in clear beside an envelope is nobody's (XEP-0420 section 9).
    if !message.has_child("encrypted", ns::OMEMO2) && receipts::received(ctx, &sender, message, own)? {
        return Ok(());
    }
    match omemo::find(message) {
        _ if ctx.cut => lost::too_large(ctx, &unwrapped, &chat, &sender),
        Some(_) => sealed(ctx, &unwrapped, &chat, &sender),
        None => plain(ctx, &unwrapped, &chat, &sender),
    }
}

/// A message of ours that this device wrote, come back from the archive or as a carbon: the server has it. Its bytes
/// stay until they are acknowledged, as the recipient's archive may not have it.
fn seen_ours(ctx: &mut Ctx, unwrapped: &Unwrapped, chat: &str) -> Result<bool> {
    let Some(origin) = unwrapped.origin_id() else { return Ok(false) };
    let Some(row) = ctx.tx.own_message(chat, origin)? else { return Ok(false) };
    // Another own device may use the same id for another message: only what this device wrote has a state.
    let ours = match omemo::find(unwrapped.message) {
        Some((_, encrypted)) => {
            encrypted.children().find_map(|header| header.attr("sid")) == Some(&ctx.me.device.to_string())
        }
        None => unwrapped.message.get_child("body", ns::CLIENT).map(Element::text) == row.body,
    };
    if row.state.is_none() || !ours {
        return Ok(false);
    }
    if let Some(id) = &unwrapped.stanza_id {
        ctx.tx.set_stanza_id(row.id, id)?;
    }
    if unwrapped.room.is_some() {
        room::outbox::reflected(ctx, row.id)?;
    }
    ctx.tx.climb(row.id, Delivery::Sent, None)?;
    Ok(true)
}

fn sealed(ctx: &mut Ctx, unwrapped: &Unwrapped, chat: &str, sender: &str) -> Result<()> {
    let digest = digest(unwrapped.message);
    if let Some(origin) = unwrapped.origin_id()
        && ctx.tx.is_repeated(sender, origin, &digest)?
        && ctx.tx.was_read(sender, &digest)?
    {
        // One that could not be read may have been a damaged copy of this one.
        return Ok(());
    }
    if unwrapped.own(ctx) && ctx.tx.is_known_payload(sender, &digest)? {
        // One of our parcels came back from the archive.
        return Ok(());
    }
    if unwrapped.own(ctx) && unwrapped.way == Way::Archive && removal::wrote(ctx, unwrapped.message) {
        removal::restored(ctx)?;
    }
    match omemo::open(ctx, sender, unwrapped.message, &digest)? {
        Opened::Repeated if ctx.tx.is_known_payload(sender, &digest)? => ctx.tx.count("message_repeated"),
        // Its key was used, but for another message: its sender went back to an older state. It must not vanish.
        Opened::Repeated => lost::unreadable(ctx, unwrapped, chat, "already_read", None, &digest),
        Opened::Empty => ctx.tx.remember_payload(sender, &digest),
        Opened::Content(clear, author) => {
            let read = if is_envelope(&clear, author.version) {
                let opened = sce::unwrap(&clear, sender, unwrapped.recipient.as_str());
                if let Ok(sce::Opened { list: Some(list), .. }) = &opened {
                    let live = unwrapped.way == Way::Live && unwrapped.stamp.is_none();
                    view::received(ctx, sender, &author, list, live)?;
                }
                opened.map(|opened| (opened.content, Sealing::Full, opened.time))
            } else {
                let text = String::from_utf8(clear.to_vec()).map_err(|_| "malformed");
                let beside = Content::of(unwrapped.message);
                if beside.replaces.or(beside.retracts).is_some() || beside.reactions.is_some() {
                    // Version 0.3 cannot seal a change: the text is a message of its own.
                    ctx.tx.count("change_unsealed")?;
                }
                let receipt = beside.receipt.filter(|receipt| *receipt == Receipt::Wanted);
                text.map(|text| (Content { receipt, ..Content::text(&text) }, Sealing::Content, None))
            };
            match read {
                Ok((content, sealing, time)) => {
                    readable(ctx, unwrapped, chat, content, sealing, time, Some(author), &digest)
                }
                Err(reason) => lost::unreadable(ctx, unwrapped, chat, reason, Some(author.device), &digest),
            }
        }
        Opened::Unreadable(reason, device) => lost::unreadable(ctx, unwrapped, chat, reason, device, &digest),
    }
}

/// Which kind of content was opened is known from the version that opened it.
fn is_envelope(clear: &[u8], version: Version) -> bool {
    version == Version::V2 && clear.first() == Some(&b'<')
}

fn plain(ctx: &mut Ctx, unwrapped: &Unwrapped, chat: &str, sender: &str) -> Result<()> {
    let content = Content { receipt: None, ..Content::of(unwrapped.message) };
    if content == Content::default() {
        return Ok(());
    }
    let digest = digest(unwrapped.message);
    if let Some(origin) = unwrapped.origin_id()
        && ctx.tx.is_repeated(sender, origin, &digest)?
    {
        return Ok(());
    }
    readable(ctx, unwrapped, chat, content, Sealing::None, None, None, &digest)
}

#[allow(clippy::too_many_arguments)]
fn readable(
    ctx: &mut Ctx,
    unwrapped: &Unwrapped,
    chat: &str,
    mut content: Content,
    sealed: Sealing,
    time: Option<i64>,
    author: Option<Author>,
    digest: &[u8],
) -> Result<()> {
    let own = unwrapped.own(ctx);
    if unwrapped.room.is_some() {
        // What one of many has or has seen says nothing of the others, and they need no answer from each of us.
        (content.receipt, content.marker) = (None, content.marker.filter(|_| own));
    }
    let author = room::admission::author(ctx, unwrapped.room.as_deref(), unwrapped.sender.as_str(), author)?;
    let heard = unwrapped.stamp.unwrap_or(unwrapped.arrived);
    let believed = time.filter(|time| (time - heard).abs() <= TOLERANCE);
    let said = Said {
        chat,
        sender: unwrapped.sender.as_str(),
        own,
        origin_id: unwrapped.origin_id(),
        sealed,
        author,
        time: heard,
        claimed: believed.unwrap_or(heard),
        fresh: unwrapped.way == Way::Live && ctx.now.wall - unwrapped.arrived < FRESH,
    };
    if let (Sealing::Full, Some(author), Some(words)) = (sealed, &author, &content.trust) {
        vouching::received(ctx, unwrapped.sender.as_str(), author, words, time.unwrap_or(heard))?;
    }
    if let (Sealing::Full, Some(author), Some(spoken)) = (sealed, &author, &content.members) {
        room::spoken::received(ctx, unwrapped.room.as_deref(), unwrapped.sender.as_str(), author, spoken)?;
    }
    beside::received(ctx, &said, &content)?;
    let body = content.body.as_ref().filter(|_| content.retracts.is_none());
    let Some(body) = body else { return forget(ctx, &said, digest) };
    let mut stands_for = None;
    if let Some(target) = &content.replaces {
        match corrections::received(ctx, &said, target, body)? {
            Taken::Done => return forget(ctx, &said, digest),
            Taken::Early => stands_for = Some(target),
        }
    } else if corrections::stood_in_for(ctx, &said, body, unwrapped.stanza_id.as_deref(), digest)? {
        return Ok(());
    }
    let reply_to = match &content.reply {
        Some(reply) => ctx.tx.message_named(chat, &reply.id, None)?.map(|row| row.id),
        None => None,
    };
    // Whoever writes does not choose where his words stand, nor when they were said.
    let sent = unwrapped.stamp.or(believed.filter(|time| *time <= unwrapped.arrived)).unwrap_or(unwrapped.arrived);
    let id = ctx.tx.insert_message(&NewMessage {
        chat,
        own,
        sender: said.sender,
        origin_id: said.origin_id,
        stanza_id: unwrapped.stanza_id.as_deref(),
        body: Some(body),
        sealed,
        device: author.map(|author| author.device),
        identity: author.map(|author| author.identity),
        trust: author.map(|author| author.trust),
        sent,
        arrived: unwrapped.arrived,
        state: None,
        reason: None,
        digest,
        reply_to,
        waiting: false,
    })?;
    let barred = changes::is_barred(&said) && ctx.tx.is_acquainted(said.sender)?;
    let contradicted = time.filter(|_| believed.is_none());
    let markable = content.marker == Some(Marker::Wanted) && !own && sealed != Sealing::None;
    if contradicted.is_some() || markable {
        ctx.tx.set_beside(id, contradicted, markable)?;
    }
    if let Some(target) = stands_for {
        let device = author.map(|author| author.device);
        ctx.tx.set_stand_in(id, target, said.origin_id, device, said.claimed)?;
    }
    changes::overtaken(ctx, id)?;
    ctx.tx.event("message", Some(id), None, None, "{}")?;
    match (&content.receipt, unwrapped.message.attr("id")) {
        // Plain text gets no automatic receipt: anybody can send it, and the answer would tell that we are here.
        // Nor does a device in quarantine: nothing goes to it.
        (Some(Receipt::Wanted), Some(wanted)) if !own && sealed != Sealing::None && !barred => match mam::is_over(ctx)?
        {
            true => receipts::confirm(ctx, chat, wanted, sealed),
            false => receipts::confirm_later(ctx, chat, wanted, sealed),
        },
        _ => Ok(()),
    }
}

/// A message that leaves no row: a second copy of what was sealed is known by its payload.
fn forget(ctx: &Ctx, said: &Said, digest: &[u8]) -> Result<()> {
    if said.sealed == Sealing::None { Ok(()) } else { ctx.tx.remember_payload(said.sender, digest) }
}
