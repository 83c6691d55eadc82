//! The roster and what a person decides about it (RFC 6121 sections 2 and 3).
//!
//! Names and groups never reach the server: a name is a column of our own store.
//!
//! Presence dies with its stream, so a decision must lie in a row: a want of kind `Roster` whose `jid` is the person
//! and whose `arg` is `subscribe`, `subscribed` or `unsubscribed`. Asking it sends that presence first and the roster
//! request behind it; a server works in order, so the result proves that the presence arrived.

use super::iq::Outcome;
use super::want::{Answer, Kind, Question};
use super::xml::{Build, el};
use super::{Ctx, ns, presence};
use crate::command::ContactChange;
use crate::error::{Error, ErrorKind, Result};
use crate::store::contact::{ContactRow, Subscription};
use crate::store::want::WantRow;
use jid::{BareJid, Jid};
use minidom::Element;
use std::collections::BTreeSet;

/// Longest name that is kept, in characters.
const NAME_LENGTH: usize = 200;

/// Words a want about the roster.
pub(crate) fn question(ctx: &mut Ctx, kind: Kind, row: &WantRow) -> Result<Option<Question>> {
    let query = el("query", ns::ROSTER);
    Ok(Some(match kind {
        // No `name` and no `group`: what is not said cannot be read on the server.
        Kind::RosterSet => Question::set(query.kid(el("item", ns::ROSTER).at("jid", &*row.jid))),
        Kind::RosterRemove => {
            Question::set(query.kid(el("item", ns::ROSTER).at("jid", &*row.jid).at("subscription", "remove")))
        }
        _ => {
            if !row.jid.is_empty() {
                presence::send_to(ctx, &row.jid, &row.arg)?;
            }
            Question::get(query)
        }
    }))
}

/// The roster arrived, or a change of it was taken or refused.
pub(crate) fn answered(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(row)?;
    match (kind, answer) {
        (Kind::Roster, Answer::Result(iq)) => match iq.get_child("query", ns::ROSTER) {
            Some(query) => replace(ctx, query),
            None => ctx.tx.count("roster_odd"),
        },
        (_, Answer::Result(_)) => Ok(()),
        (Kind::Roster, Answer::Error(..)) => ctx.tx.count("roster_refused"),
        (_, Answer::Error(..)) => ctx.tx.count("roster_set_refused"),
    }
}

/// A change of the roster, told by the server (RFC 6121 section 2.1.6: only our own account may tell it).
pub(crate) fn pushed(ctx: &mut Ctx, iq: &Element, payload: &Element) -> Result<Outcome> {
    if iq.attr("from").is_some_and(|from| !Jid::new(from).is_ok_and(|from| from == ctx.me.jid)) {
        ctx.tx.count("roster_push_forged")?;
        return Ok(Outcome::Silence);
    }
    let mut items = payload.children().filter(|child| child.is("item", ns::ROSTER));
    let (Some(item), None) = (items.next(), items.next()) else {
        return Ok(Outcome::Error("modify", "bad-request"));
    };
    let Some(jid) = item_jid(item) else { return Ok(Outcome::Error("modify", "bad-request")) };
    if item.attr("subscription") == Some("remove") {
        let mut contact = ctx.tx.contact_or_unknown(&jid)?;
        contact.unroster();
        ctx.tx.put_contact(&contact)?;
        ctx.tx.forget_presence(&jid)?;
    } else {
        take(ctx, &jid, item)?;
    }
    Ok(Outcome::Result(None))
}

/// The whole roster: who is not in it is in it no more.
fn replace(ctx: &mut Ctx, query: &Element) -> Result<()> {
    let mut listed = BTreeSet::new();
    for item in query.children().filter(|child| child.is("item", ns::ROSTER)) {
        let Some(jid) = item_jid(item).filter(|_| item.attr("subscription") != Some("remove")) else { continue };
        take(ctx, &jid, item)?;
        listed.insert(jid);
    }
    for mut contact in ctx.tx.contacts()?.into_iter().filter(|contact| !listed.contains(&contact.jid)) {
        let asked = contact.asked && is_telling(ctx, &contact.jid, "subscribe")?;
        contact.unroster();
        contact.asked = asked;
        ctx.tx.put_contact(&contact)?;
        ctx.tx.forget_presence(&contact.jid)?;
    }
    Ok(())
}

/// Writes down what an item says. One made before our request reached the server does not deny that request.
fn take(ctx: &mut Ctx, jid: &str, item: &Element) -> Result<()> {
    let before = ctx.tx.contact_or_unknown(jid)?;
    let subscription = item.attr("subscription").and_then(Subscription::from_code).unwrap_or(Subscription::None);
    let asked = item.attr("ask") == Some("subscribe") || before.asked && is_telling(ctx, jid, "subscribe")?;
    ctx.tx.put_contact(&ContactRow {
        subscription,
        asked: asked && !subscription.sees_them(),
        // Another device of ours may have accepted.
        requests: before.requests && !subscription.seen_by_them(),
        rostered: true,
        ..before
    })?;
    if !subscription.sees_them() {
        ctx.tx.forget_presence(jid)?;
    }
    Ok(())
}

/// Whether this decision is made and the server may not know it yet.
pub(crate) fn is_telling(ctx: &Ctx, jid: &str, decision: &str) -> Result<bool> {
    Ok(ctx.tx.find_want(Kind::Roster.code(), jid, decision)?.is_some())
}

/// The bare JID of an item; entries for single resources mean nothing to us.
fn item_jid(item: &Element) -> Option<String> {
    let jid = Jid::new(item.attr("jid")?).ok()?;
    jid.resource().is_none().then(|| jid.to_string())
}

/// Carries out what a person decided about somebody.
pub(crate) fn change(ctx: &mut Ctx, jid: &str, change: ContactChange) -> Result<()> {
    let refused = || Error::about(ErrorKind::InvalidJid, jid);
    let bare = BareJid::new(jid).map_err(|_| refused())?;
    if bare == ctx.me.jid {
        return Err(refused());
    }
    let jid = bare.as_str();
    match change {
        ContactChange::Add => add(ctx, jid),
        ContactChange::Accept => accept(ctx, jid),
        ContactChange::Decline => decline(ctx, jid),
        ContactChange::Block => block(ctx, jid, true),
        ContactChange::Unblock => block(ctx, jid, false),
        ContactChange::Name(name) => {
            let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_LENGTH).collect();
            let mut contact = ctx.tx.contact_or_unknown(jid)?;
            contact.name = (!name.is_empty()).then_some(name);
            ctx.tx.put_contact(&contact)
        }
    }
}

fn add(ctx: &mut Ctx, jid: &str) -> Result<()> {
    let mut contact = ctx.tx.contact_or_unknown(jid)?;
    if !contact.rostered {
        ctx.tx.unwant(Kind::RosterRemove.code(), jid, "")?;
        ctx.want_about(Kind::RosterSet, jid, "")?;
    }
    if contact.subscription.sees_them() {
        return Ok(());
    }
    contact.asked = true;
    ctx.tx.put_contact(&contact)?;
    tell(ctx, jid, "subscribe")
}

fn accept(ctx: &mut Ctx, jid: &str) -> Result<()> {
    answer(ctx, jid, "subscribed", "unsubscribed")?;
    add(ctx, jid)
}

fn decline(ctx: &mut Ctx, jid: &str) -> Result<()> {
    answer(ctx, jid, "unsubscribed", "subscribed")
}

/// Answers their request; the newest answer counts and takes an unsent opposite one back.
fn answer(ctx: &mut Ctx, jid: &str, now: &str, opposite: &str) -> Result<()> {
    let mut contact = ctx.tx.contact_or_unknown(jid)?;
    contact.requests = false;
    ctx.tx.put_contact(&contact)?;
    ctx.tx.unwant(Kind::Roster.code(), jid, opposite)?;
    tell(ctx, jid, now)
}

/// Tells a decision, also if it is under way already: its opposite may have overtaken it.
fn tell(ctx: &mut Ctx, jid: &str, decision: &str) -> Result<()> {
    ctx.tx.unwant(Kind::Roster.code(), jid, decision)?;
    ctx.want_about(Kind::Roster, jid, decision)
}

fn block(ctx: &mut Ctx, jid: &str, blocked: bool) -> Result<()> {
    let mut contact = ctx.tx.contact_or_unknown(jid)?;
    contact.blocked = blocked;
    contact.requests = contact.requests && !blocked;
    ctx.tx.put_contact(&contact)?;
    for kind in [Kind::Block, Kind::Unblock] {
        ctx.tx.unwant(kind.code(), jid, "")?;
    }
    if blocked {
        ctx.tx.forget_presence(jid)?;
    }
    ctx.want_about(if blocked { Kind::Block } else { Kind::Unblock }, jid, "")
}

#[cfg(test)]
pub(in crate::engine) mod tests {
    use super::*;
    use crate::command::Tls;
    use crate::engine::{Me, Now};
    use crate::store::Store;
    use crate::store::account::NewRow;
    use dunnock_omemo::Identity;
    use rand::SeedableRng;

    pub(in crate::engine) const ROMEO: &str = "romeo@montague.example";

    /// Runs `story` as Juliet, online on stream 1 in a new store.
    pub(in crate::engine) fn juliet(story: impl FnOnce(&mut Ctx)) {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        let identity = [7; 32];
        tx.create_account(&NewRow {
            jid: "juliet@capulet.example",
            password: "",
            keep_password: false,
            host: None,
            port: None,
            tls: Tls::Auto,
            ca: None,
            route: &crate::Route::Direct,
            user_agent: "",
            device: 1,
            identity: &identity,
            now: 0,
        })
        .unwrap();
        let jid = BareJid::new("juliet@capulet.example").unwrap();
        let me = Me { jid, device: 1, identity: Identity::from_seed(&identity) };
        let mut rng = crate::engine::Rng::seed_from_u64(1);
        let now = Now { wall: 1_000, boot: 0 };
        story(&mut Ctx {
            tx: &tx,
            now,
            rng: &mut rng,
            me: &me,
            stream: 1,
            online: true,
            inactive: false,
            cut: false,
            effects: Vec::new(),
        });
    }

    /// All that was queued for the wire so far.
    pub(in crate::engine) fn sent(ctx: &Ctx) -> Vec<Element> {
        let rows = ctx.tx.outgoing_after(0, 1000).unwrap();
        rows.into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap().parse().unwrap()).collect()
    }

    pub(in crate::engine) fn xml(text: &str) -> Element {
        text.parse().unwrap()
    }

    /// `type to` of each presence queued so far.
    pub(in crate::engine) fn presences(ctx: &Ctx) -> Vec<String> {
        let of =
            |stanza: &Element| format!("{} {}", stanza.attr("type").unwrap_or(""), stanza.attr("to").unwrap_or(""));
        sent(ctx).iter().filter(|stanza| stanza.name() == "presence").map(of).collect()
    }

    fn contact(ctx: &Ctx) -> ContactRow {
        ctx.tx.contact_or_unknown(ROMEO).unwrap()
    }

    fn push(ctx: &mut Ctx, from: &str, item: &str) -> Outcome {
        let iq = xml(&format!(
            "<iq xmlns='jabber:client' type='set' id='1' {from}><query xmlns='jabber:iq:roster'>{item}</query></iq>"
        ));
        let payload = iq.children().next().unwrap();
        pushed(ctx, &iq, payload).unwrap()
    }

    fn roster(ctx: &mut Ctx, items: &str) {
        ctx.want_own(Kind::Roster, "").unwrap();
        let row = ctx.tx.find_want("roster", "", "").unwrap().unwrap();
        let iq = xml(&format!(
            "<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:roster'>{items}</query></iq>"
        ));
        answered(ctx, Kind::Roster, &row, Answer::Result(&iq)).unwrap();
        assert!(ctx.tx.find_want("roster", "", "").unwrap().is_none());
    }

    #[test]
    fn a_push_counts_only_from_our_own_account() {
        juliet(|ctx| {
            let item = format!("<item jid='{ROMEO}' subscription='both'/>");
            for forged in [
                "from='romeo@montague.example'",
                "from='capulet.example'",
                "from='juliet@capulet.example/x'",
                "from=''",
            ] {
                assert!(matches!(push(ctx, forged, &item), Outcome::Silence), "{forged}");
            }
            assert_eq!(ctx.tx.counted("roster_push_forged"), 4);
            assert!(!contact(ctx).rostered);
            for ours in ["", "from='juliet@capulet.example'"] {
                assert!(matches!(push(ctx, ours, &item), Outcome::Result(None)));
                assert_eq!(contact(ctx).subscription, Subscription::Both);
                push(ctx, ours, &format!("<item jid='{ROMEO}' subscription='remove'/>"));
                assert!(ctx.tx.contact(ROMEO).unwrap().is_none());
            }
            assert!(matches!(push(ctx, "", &format!("{item}{item}")), Outcome::Error(..)));
        });
    }

    #[test]
    fn a_whole_roster_replaces_what_was_in_it_and_keeps_what_is_ours() {
        juliet(|ctx| {
            roster(
                ctx,
                "<item jid='nurse@capulet.example' subscription='both'/><item jid='romeo@montague.example' ask='subscribe'/>",
            );
            assert!(contact(ctx).asked);
            change(ctx, "nurse@capulet.example", ContactChange::Name(" Angelica ".into())).unwrap();
            roster(ctx, "<item jid='romeo@montague.example' subscription='to' name='R'/>");
            assert_eq!((contact(ctx).subscription, contact(ctx).asked), (Subscription::To, false));
            assert_eq!(contact(ctx).name, None);
            let nurse = ctx.tx.contact("nurse@capulet.example").unwrap().unwrap();
            assert_eq!((nurse.rostered, nurse.name.as_deref()), (false, Some("Angelica")));
        });
    }

    #[test]
    fn adding_asks_for_presence_and_publishes_no_name() {
        juliet(|ctx| {
            change(ctx, ROMEO, ContactChange::Name("My love".into())).unwrap();
            change(ctx, ROMEO, ContactChange::Add).unwrap();
            let row = ctx.tx.find_want("roster_set", ROMEO, "").unwrap().unwrap();
            let set = question(ctx, Kind::RosterSet, &row).unwrap().unwrap();
            let text = String::from(&set.payload);
            assert!(text.contains(ROMEO) && !text.contains("love"), "{text}");
            let row = ctx.tx.find_want("roster", ROMEO, "subscribe").unwrap().unwrap();
            question(ctx, Kind::Roster, &row).unwrap().unwrap();
            assert_eq!(presences(ctx), ["subscribe romeo@montague.example"]);
            // A roster made before the server heard of it does not deny our request.
            roster(ctx, "");
            assert!(contact(ctx).asked);
            push(ctx, "", &format!("<item jid='{ROMEO}' subscription='none'/>"));
            assert!(contact(ctx).asked);
            answered(ctx, Kind::Roster, &row, Answer::Result(&xml("<iq xmlns='jabber:client'/>"))).unwrap();
            roster(ctx, &format!("<item jid='{ROMEO}' subscription='none'/>"));
            assert!(!contact(ctx).asked, "they declined while we were away");
        });
    }

    #[test]
    fn accepting_offline_is_told_on_each_stream_until_the_server_has_it() {
        juliet(|ctx| {
            ctx.online = false;
            let asks = ContactRow { requests: true, ..ContactRow::unknown(ROMEO) };
            ctx.tx.put_contact(&asks).unwrap();
            change(ctx, ROMEO, ContactChange::Decline).unwrap();
            change(ctx, ROMEO, ContactChange::Accept).unwrap();
            assert!(sent(ctx).is_empty());
            assert!(!contact(ctx).requests && contact(ctx).asked);
            ctx.online = true;
            let row = ctx.tx.find_want("roster", ROMEO, "subscribed").unwrap().unwrap();
            assert!(ctx.tx.find_want("roster", ROMEO, "unsubscribed").unwrap().is_none());
            for _ in 0..2 {
                question(ctx, Kind::Roster, &row).unwrap().unwrap();
            }
            assert_eq!(presences(ctx), ["subscribed romeo@montague.example"; 2]);
            answered(ctx, Kind::Roster, &row, Answer::Error("x".into(), &xml("<iq xmlns='jabber:client'/>"))).unwrap();
            assert!(!is_telling(ctx, ROMEO, "subscribed").unwrap());
        });
    }

    #[test]
    fn a_request_accepted_on_another_device_is_no_longer_pending() {
        juliet(|ctx| {
            ctx.tx.put_contact(&ContactRow { requests: true, ..ContactRow::unknown(ROMEO) }).unwrap();
            push(ctx, "", &format!("<item jid='{ROMEO}' subscription='none'/>"));
            assert!(contact(ctx).requests);
            push(ctx, "", &format!("<item jid='{ROMEO}' subscription='from'/>"));
            assert!(!contact(ctx).requests);
        });
    }

    #[test]
    fn the_newest_of_block_and_unblock_is_asked_for() {
        juliet(|ctx| {
            change(ctx, ROMEO, ContactChange::Block).unwrap();
            assert!(contact(ctx).blocked);
            change(ctx, ROMEO, ContactChange::Unblock).unwrap();
            assert!(!contact(ctx).blocked);
            assert!(ctx.tx.find_want("block", ROMEO, "").unwrap().is_none());
            assert!(ctx.tx.find_want("unblock", ROMEO, "").unwrap().is_some());
        });
    }

    #[test]
    fn what_is_no_other_person_is_refused() {
        juliet(|ctx| {
            for jid in ["", "a b@c", "romeo@montague.example/orchard", "juliet@capulet.example"] {
                let error = change(ctx, jid, ContactChange::Add).unwrap_err();
                assert_eq!(error.kind, ErrorKind::InvalidJid, "{jid}");
            }
        });
    }
}
