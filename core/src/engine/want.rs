//! What we want from others: rows that are asked for, and asked again until answered. No question lives in memory.

use super::trust::removal;
use super::xml::{Build, el, error_condition, jid_of};
use super::{
    Ctx, blocking, bundle, carbons, devices, disco, healing, mam, ns, ping, push, receipts, room, roster, second_look,
    stream,
};
use crate::error::Result;
use crate::store::Touched;
use crate::store::want::WantRow;
use minidom::Element;

/// How long an answer may take before the question is put again, milliseconds.
const PATIENCE: i64 = 30_000;
/// Bundles and lists hold up a message, so they get less.
const BUNDLE_PATIENCE: i64 = 10_000;
/// The same for a page of the archive, behind which messages wait.
const PAGE_PATIENCE: i64 = 15_000;
/// The same for an app server, and how often the time may double: it is asked for as long as a push is wanted.
const PUSH_PATIENCE: i64 = 10_000;
const PUSH_DOUBLINGS: u32 = 10;
/// After so many unanswered tries a want is dropped; it comes back with its cause.
const TRIES: u32 = 6;

/// The condition of an answer that is larger than what we read.
pub(crate) const TOO_LARGE: &str = "too-large";

/// The kinds of wants; the store has their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    AccountDisco,
    ServerDisco,
    Carbons,
    Roster,
    RosterSet,
    RosterRemove,
    BlockList,
    Block,
    Unblock,
    ArchivePrefs,
    Page,
    SecondLook,
    List,
    PublishList,
    ConfigureNode,
    Bundle,
    PublishBundle,
    Receipt,
    PushDisco,
    PushRegister,
    PushEnable,
    PushDisable,
    PushUnregister,
    Round,
    RoomInfo,
    RoomJoin,
    RoomForm,
    RoomConfigure,
    RoomDestroy,
    RoomMembers,
    RoomAffiliate,
    RoomPage,
    RoomPing,
    Bookmarks,
    Bookmark,
    Answer,
    Restored,
}

impl Kind {
    const ALL: [(Kind, &str); 37] = [
        (Kind::AccountDisco, "account_disco"),
        (Kind::ServerDisco, "server_disco"),
        (Kind::Carbons, "carbons"),
        (Kind::Roster, "roster"),
        (Kind::RosterSet, "roster_set"),
        (Kind::RosterRemove, "roster_remove"),
        (Kind::BlockList, "block_list"),
        (Kind::Block, "block"),
        (Kind::Unblock, "unblock"),
        (Kind::ArchivePrefs, "archive_prefs"),
        (Kind::Page, "page"),
        (Kind::SecondLook, "second_look"),
        (Kind::List, "list"),
        (Kind::PublishList, "publish_list"),
        (Kind::ConfigureNode, "configure_node"),
        (Kind::Bundle, "bundle"),
        (Kind::PublishBundle, "publish_bundle"),
        (Kind::Receipt, "receipt"),
        (Kind::PushDisco, "push_disco"),
        (Kind::PushRegister, "push_register"),
        (Kind::PushEnable, "push_enable"),
        (Kind::PushDisable, "push_disable"),
        (Kind::PushUnregister, "push_unregister"),
        (Kind::Round, "round"),
        (Kind::RoomInfo, "room_info"),
        (Kind::RoomJoin, "room_join"),
        (Kind::RoomForm, "room_form"),
        (Kind::RoomConfigure, "room_configure"),
        (Kind::RoomDestroy, "room_destroy"),
        (Kind::RoomMembers, "room_members"),
        (Kind::RoomAffiliate, "room_affiliate"),
        (Kind::RoomPage, "room_page"),
        (Kind::RoomPing, "room_ping"),
        (Kind::Bookmarks, "bookmarks"),
        (Kind::Bookmark, "bookmark"),
        (Kind::Answer, "answer"),
        (Kind::Restored, "restored"),
    ];

    pub(crate) fn code(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).expect("ALL lists every kind").1
    }

    fn from_code(code: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|(_, name)| *name == code).map(|(kind, _)| *kind)
    }
}

/// A question as its module words it.
pub(crate) struct Question {
    /// `get` or `set`.
    pub kind: &'static str,
    pub payload: Element,
}

impl Question {
    pub(crate) fn get(payload: Element) -> Self {
        Question { kind: "get", payload }
    }

    pub(crate) fn set(payload: Element) -> Self {
        Question { kind: "set", payload }
    }
}

/// What came back: the whole result stanza, or the condition of an error and the stanza.
pub(crate) enum Answer<'a> {
    Result(&'a Element),
    Error(String, &'a Element),
}

impl Ctx<'_> {
    /// Wants something of our own account, as soon as there is a stream.
    pub(crate) fn want_own(&mut self, kind: Kind, arg: &str) -> Result<()> {
        self.tx.want(kind.code(), "", arg, "", self.now.wall)
    }

    /// Wants something of `jid`, asked of that JID.
    pub(crate) fn want_of(&mut self, kind: Kind, jid: &str, arg: &str) -> Result<()> {
        self.tx.want(kind.code(), jid, arg, jid, self.now.wall)
    }

    /// Wants something about `jid`, asked of our own server account.
    pub(crate) fn want_about(&mut self, kind: Kind, jid: &str, arg: &str) -> Result<()> {
        self.tx.want(kind.code(), jid, arg, "", self.now.wall)
    }

    /// Puts all questions that are due.
    pub(crate) fn ask_due(&mut self) -> Result<()> {
        for row in self.tx.due_wants(self.now.wall)? {
            let kind = Kind::from_code(&row.kind);
            if matches!(kind, Some(Kind::Answer | Kind::Restored)) && !mam::may_seal(self)? {
                // Whether the sessions are those that we had last shows in the archive.
                self.tx.ask_again(&row, i64::MAX)?;
                continue;
            } else if kind == Some(Kind::Restored) {
                removal::begin_anew(self, &row)?;
                continue;
            } else if row.iq.is_some() && row.kind == Kind::Page.code() {
                mam::unanswered(self, &row)?;
            } else if row.iq.is_some() && row.kind == Kind::PushRegister.code() {
                push::unanswered(self)?;
            } else if row.kind == Kind::Round.code() {
                if !ping::is_ready(self)? {
                    self.later(&row, ping::UNTIL_READY - self.now.wall)?;
                    continue;
                }
            } else if row.iq.is_none() && row.kind == Kind::RoomAffiliate.code() && !room::members::may_ask(self, &row)?
            {
                self.later(&row, room::members::UNTIL_READY - self.now.wall)?;
                continue;
            } else if row.iq.is_some() && row.kind == Kind::RoomPage.code() {
                room::archive::unanswered(self, &row)?;
            } else if row.iq.is_some() && row.tries >= TRIES && !room::is_needed(&row.kind) {
                self.tx.count("want_given_up")?;
                self.drop_want(&row)?;
                continue;
            }
            self.ask(&row)?;
        }
        Ok(())
    }

    fn ask(&mut self, row: &WantRow) -> Result<()> {
        let Some(kind) = Kind::from_code(&row.kind) else { return self.drop_want(row) };
        let id = self.fresh_id();
        if kind == Kind::RoomJoin {
            // A presence asks, and presences answer.
            return match room::join::ask(self, row, &id)? {
                true => self.tx.asked(row, &id, self.stream, self.now.wall + (PATIENCE << row.tries.min(6))),
                false => self.drop_want(row),
            };
        }
        let Some(question) = word(self, kind, row)? else { return self.drop_want(row) };
        let target = (!row.target.is_empty()).then_some(row.target.as_str());
        let iq =
            el("iq", ns::CLIENT).at("type", question.kind).at("id", &*id).at_opt("to", target).kid(question.payload);
        self.send(&iq)?;
        let patience = match kind {
            Kind::Bundle | Kind::List => BUNDLE_PATIENCE,
            Kind::Page | Kind::RoomPage => PAGE_PATIENCE,
            Kind::PushRegister => PUSH_PATIENCE,
            _ => PATIENCE,
        };
        let doublings = if kind == Kind::PushRegister { PUSH_DOUBLINGS } else { 6 };
        self.tx.asked(row, &id, self.stream, self.now.wall + (patience << row.tries.min(doublings)))
    }

    /// The want is answered or means nothing any more.
    pub(crate) fn drop_want(&mut self, row: &WantRow) -> Result<()> {
        self.tx.unwant(&row.kind, &row.jid, &row.arg)
    }

    /// Puts the question again after `pause` milliseconds.
    pub(crate) fn later(&mut self, row: &WantRow, pause: i64) -> Result<()> {
        self.tx.ask_again(row, self.now.wall + pause)
    }
}

/// A result or error arrived. Only the one who was asked may answer; what nobody asked for is dropped and counted.
pub(crate) fn answered(ctx: &mut Ctx, iq: &Element) -> Result<()> {
    let answer = match iq.attr("type") {
        Some("result") => Answer::Result(iq),
        _ => Answer::Error(error_condition(iq), iq),
    };
    answered_so(ctx, iq, answer)
}

/// An answer past the limits of the wire, of which only this is left: as good as a refusal.
pub(crate) fn cut(ctx: &mut Ctx, stump: &Element) -> Result<()> {
    match stump.attr("type") {
        Some("result" | "error") => answered_so(ctx, stump, Answer::Error(TOO_LARGE.to_owned(), stump)),
        _ => Ok(()),
    }
}

fn answered_so(ctx: &mut Ctx, iq: &Element, answer: Answer) -> Result<()> {
    let row = match iq.attr("id") {
        Some(id) => ctx.tx.want_by_iq(id)?,
        None => None,
    };
    let Some(row) = row else { return ctx.tx.count("answer_unasked") };
    if !may_answer(ctx, &row.target, iq) {
        return ctx.tx.count("answer_forged");
    }
    let Some(kind) = Kind::from_code(&row.kind) else { return ctx.drop_want(&row) };
    take(ctx, kind, &row, answer)?;
    stream::keys_settled(ctx)
}

/// RFC 6120 section 8.1.2.1: our own account and server answer with our bare JID, our full JID, the domain, or no `from`.
pub(crate) fn may_answer(ctx: &Ctx, target: &str, iq: &Element) -> bool {
    if iq.attr("from").is_none() {
        return target.is_empty() || target == ctx.me.jid.as_str();
    }
    let Some(from) = jid_of(iq, "from") else { return false };
    if target.is_empty() || target == ctx.me.jid.as_str() {
        let domain = from.node().is_none() && from.resource().is_none() && from.domain() == ctx.me.jid.domain();
        return from.to_bare() == ctx.me.jid || domain;
    }
    from.as_str() == target
}

fn word(ctx: &mut Ctx, kind: Kind, row: &WantRow) -> Result<Option<Question>> {
    match kind {
        Kind::AccountDisco | Kind::ServerDisco | Kind::PushDisco => Ok(Some(disco::question())),
        Kind::Carbons => Ok(Some(carbons::question())),
        Kind::Roster | Kind::RosterSet | Kind::RosterRemove => roster::question(ctx, kind, row),
        Kind::BlockList | Kind::Block | Kind::Unblock => Ok(Some(blocking::question(kind, row))),
        Kind::ArchivePrefs => Ok(Some(mam::prefs_question(row))),
        Kind::Page => mam::question(ctx, row),
        Kind::SecondLook => Ok(Some(second_look::question(ctx, row))),
        Kind::List | Kind::PublishList | Kind::ConfigureNode => devices::question(ctx, kind, row),
        Kind::Bundle | Kind::PublishBundle => bundle::question(ctx, kind, row),
        Kind::Receipt => receipts::question(ctx, row),
        Kind::Answer => healing::question(ctx, row),
        Kind::PushRegister | Kind::PushEnable | Kind::PushDisable | Kind::PushUnregister => {
            push::question(ctx, kind, row)
        }
        Kind::Round => Ok(Some(ping::question())),
        kind => room::question(ctx, kind, row),
    }
}

fn take(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    match kind {
        Kind::AccountDisco | Kind::ServerDisco => disco::answered(ctx, kind, row, answer),
        Kind::Carbons | Kind::Receipt => ctx.drop_want(row),
        Kind::Roster | Kind::RosterSet | Kind::RosterRemove => roster::answered(ctx, kind, row, answer),
        Kind::BlockList | Kind::Block | Kind::Unblock => blocking::answered(ctx, kind, row, answer),
        Kind::ArchivePrefs => mam::prefs_answered(ctx, row, answer),
        Kind::Page => mam::answered(ctx, row, answer),
        Kind::SecondLook => second_look::answered(ctx, row, answer),
        Kind::List | Kind::PublishList | Kind::ConfigureNode => devices::answered(ctx, kind, row, answer),
        Kind::Bundle | Kind::PublishBundle => bundle::answered(ctx, kind, row, answer),
        Kind::Round => ping::answered(ctx, row),
        Kind::PushDisco => push::server_known(ctx, row, answer),
        Kind::PushRegister => push::registered(ctx, row, answer),
        Kind::PushEnable => push::enabled(ctx, row, answer),
        // Whatever they say, more cannot be done.
        Kind::PushDisable | Kind::PushUnregister => {
            ctx.tx.touch(Touched::Push);
            ctx.drop_want(row)
        }
        kind => room::answered(ctx, kind, row, answer),
    }
}
