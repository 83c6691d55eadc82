//! Presence and the requests to see it (RFC 6121 sections 3 and 4).
//!
//! The roster is the truth about subscriptions; presence stanzas only tell that somebody asks. Who is online is known
//! of contacts that we may see, and for the current stream only.

use super::xml::{Build, el, jid_of};
use super::{Ctx, disco, ns, room, roster};
use crate::error::Result;
use minidom::Element;

/// Strangers' requests that are kept; a server tells the others again at a later login.
const REQUESTS: i64 = 500;

/// Tells that we are here, and asks again those who have not answered.
pub(crate) fn initial(ctx: &mut Ctx) -> Result<()> {
    ctx.send(&el("presence", ns::CLIENT).kid(disco::caps()))?;
    for contact in ctx.tx.contacts()? {
        let open = contact.asked && !contact.subscription.sees_them();
        if open && !roster::is_telling(ctx, &contact.jid, "subscribe")? {
            send_to(ctx, &contact.jid, "subscribe")?;
        }
    }
    Ok(())
}

/// Queues a presence of this type for one person.
pub(crate) fn send_to(ctx: &mut Ctx, jid: &str, kind: &str) -> Result<()> {
    ctx.send(&el("presence", ns::CLIENT).at("to", jid).at("type", kind))
}

/// A presence arrived.
pub(crate) fn arrived(ctx: &mut Ctx, presence: &Element) -> Result<()> {
    // Our own account and its other devices are no contacts.
    let Some(from) = jid_of(presence, "from").filter(|from| from.to_bare() != ctx.me.jid) else { return Ok(()) };
    let bare = from.to_bare().to_string();
    // Whom somebody only calls a room is a person until we go there, and what refused us is nothing.
    if ctx.tx.is_room(&bare)?
        && let Some(row) = ctx.tx.room(&bare)?
    {
        return room::occupants::arrived(ctx, row, &from, presence);
    }
    match presence.attr("type") {
        None => available(ctx, from.as_str(), &bare),
        Some("unavailable" | "error") if from.resource().is_some() => ctx.tx.set_unavailable(from.as_str()),
        Some("unavailable" | "error") => ctx.tx.forget_presence(&bare),
        Some("subscribe") => requested(ctx, &bare),
        Some("unsubscribe") => withdrawn(ctx, &bare),
        Some(kind @ ("subscribed" | "unsubscribed")) => decided(ctx, &bare, kind == "subscribed"),
        Some(_) => ctx.tx.count("presence_odd"),
    }
}

fn available(ctx: &mut Ctx, full: &str, bare: &str) -> Result<()> {
    // Anybody may send directed presence; only who let us see them is shown as online.
    match ctx.tx.contact(bare)? {
        Some(contact) if contact.subscription.sees_them() => ctx.tx.set_available(full, bare, ctx.stream),
        _ => ctx.tx.count("presence_stranger"),
    }
}

/// They ask to see our presence.
fn requested(ctx: &mut Ctx, jid: &str) -> Result<()> {
    let mut contact = ctx.tx.contact_or_unknown(jid)?;
    if contact.subscription.seen_by_them() || roster::is_telling(ctx, jid, "subscribed")? {
        return send_to(ctx, jid, "subscribed");
    }
    if contact.blocked || contact.requests {
        return Ok(());
    }
    if ctx.tx.pending_requests()? >= REQUESTS {
        return ctx.tx.count("presence_request_flood");
    }
    contact.requests = true;
    ctx.tx.put_contact(&contact)
}

/// They want to see our presence no more; if they could, a roster push says so.
fn withdrawn(ctx: &mut Ctx, jid: &str) -> Result<()> {
    let Some(mut contact) = ctx.tx.contact(jid)? else { return Ok(()) };
    contact.requests = false;
    ctx.tx.put_contact(&contact)
}

/// They answered our request. Whether we see them now is for the roster to say: its push follows.
fn decided(ctx: &mut Ctx, jid: &str, yes: bool) -> Result<()> {
    let Some(mut contact) = ctx.tx.contact(jid)? else { return ctx.tx.count("presence_stranger") };
    contact.asked = false;
    ctx.tx.put_contact(&contact)?;
    if yes { Ok(()) } else { ctx.tx.forget_presence(jid) }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet, presences, sent, xml};
    use super::*;
    use crate::store::contact::{ContactRow, Subscription};

    fn hears(ctx: &mut Ctx, attributes: &str) {
        arrived(ctx, &xml(&format!("<presence xmlns='jabber:client' {attributes}/>"))).unwrap();
    }

    fn knows(ctx: &Ctx, subscription: Subscription, asked: bool) {
        let row = ContactRow { subscription, asked, rostered: true, ..ContactRow::unknown(ROMEO) };
        ctx.tx.put_contact(&row).unwrap();
    }

    #[test]
    fn only_contacts_that_let_us_see_them_are_online() {
        juliet(|ctx| {
            hears(ctx, "from='romeo@montague.example/orchard'");
            knows(ctx, Subscription::From, false);
            hears(ctx, "from='romeo@montague.example/orchard'");
            assert!(!ctx.tx.is_available(ROMEO, 1).unwrap());
            assert_eq!(ctx.tx.counted("presence_stranger"), 2);
            knows(ctx, Subscription::To, false);
            hears(ctx, "from='romeo@montague.example/orchard'");
            hears(ctx, "from='romeo@montague.example/street'");
            hears(ctx, "from='romeo@montague.example/orchard' type='unavailable'");
            assert!(ctx.tx.is_available(ROMEO, 1).unwrap());
            hears(ctx, "from='romeo@montague.example/street' type='unavailable'");
            assert!(!ctx.tx.is_available(ROMEO, 1).unwrap());
            hears(ctx, "from='romeo@montague.example/street'");
            hears(ctx, "from='romeo@montague.example' type='error'");
            assert!(!ctx.tx.is_available(ROMEO, 1).unwrap());
        });
    }

    #[test]
    fn a_request_waits_for_a_person_unless_already_accepted() {
        juliet(|ctx| {
            hears(ctx, "from='romeo@montague.example' type='subscribe'");
            assert!(ctx.tx.contact(ROMEO).unwrap().unwrap().requests);
            assert!(sent(ctx).is_empty());
            hears(ctx, "from='romeo@montague.example' type='unsubscribe'");
            assert!(ctx.tx.contact(ROMEO).unwrap().is_none());
            knows(ctx, Subscription::From, false);
            hears(ctx, "from='romeo@montague.example' type='subscribe'");
            assert_eq!(presences(ctx), ["subscribed romeo@montague.example"]);
            assert!(!ctx.tx.contact(ROMEO).unwrap().unwrap().requests);
        });
    }

    #[test]
    fn our_own_account_is_no_contact() {
        juliet(|ctx| {
            for kind in ["subscribe", "subscribed", "unavailable"] {
                hears(ctx, &format!("from='juliet@capulet.example' type='{kind}'"));
                hears(ctx, &format!("type='{kind}'"));
            }
            hears(ctx, "from='juliet@capulet.example/balcony'");
            assert!(ctx.tx.contacts().unwrap().is_empty());
            assert!(!ctx.tx.is_available("juliet@capulet.example", 1).unwrap());
        });
    }

    #[test]
    fn strangers_cannot_fill_the_store_with_requests() {
        juliet(|ctx| {
            for stranger in 0..REQUESTS + 10 {
                hears(ctx, &format!("from='{stranger}@verona.example' type='subscribe'"));
            }
            assert_eq!(ctx.tx.contacts().unwrap().len() as i64, REQUESTS);
            assert_eq!(ctx.tx.counted("presence_request_flood"), 10);
        });
    }

    #[test]
    fn a_stranger_who_accepts_us_unasked_becomes_no_contact() {
        juliet(|ctx| {
            hears(ctx, "from='romeo@montague.example' type='subscribed'");
            assert!(ctx.tx.contacts().unwrap().is_empty());
        });
    }

    #[test]
    fn a_new_stream_begins_with_caps_and_repeats_open_requests() {
        juliet(|ctx| {
            knows(ctx, Subscription::None, true);
            initial(ctx).unwrap();
            assert_eq!(presences(ctx), [" ", "subscribe romeo@montague.example"]);
            assert!(sent(ctx)[0].has_child("c", ns::CAPS));
            hears(ctx, "from='romeo@montague.example' type='unsubscribed'");
            assert!(!ctx.tx.contact(ROMEO).unwrap().unwrap().asked);
        });
    }
}
