//! Blocking (XEP-0191): the server keeps the list, we show it.
//!
//! A person's wish shows at once; if the server refuses it, it shows as refused.

use super::iq::Outcome;
use super::want::{Answer, Kind, Question};
use super::xml::{Build, el};
use super::{Ctx, ns};
use crate::error::Result;
use crate::store::want::WantRow;
use jid::Jid;
use minidom::Element;
use std::collections::BTreeSet;

/// Words a want about the block list.
pub(crate) fn question(kind: Kind, row: &WantRow) -> Question {
    let item = || el("item", ns::BLOCKING).at("jid", &*row.jid);
    match kind {
        Kind::Block => Question::set(el("block", ns::BLOCKING).kid(item())),
        Kind::Unblock => Question::set(el("unblock", ns::BLOCKING).kid(item())),
        _ => Question::get(el("blocklist", ns::BLOCKING)),
    }
}

/// The list arrived, or a wish was carried out or refused.
pub(crate) fn answered(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(row)?;
    match (kind, answer) {
        (Kind::BlockList, Answer::Result(iq)) => match iq.get_child("blocklist", ns::BLOCKING) {
            Some(list) => replace(ctx, list),
            None => ctx.tx.count("block_list_odd"),
        },
        (Kind::BlockList, Answer::Error(..)) => ctx.tx.count("block_list_refused"),
        (kind, answer) => {
            let refused = matches!(answer, Answer::Error(..));
            if refused {
                ctx.tx.count("block_refused")?;
            }
            set(ctx, &row.jid, (kind == Kind::Block) != refused)
        }
    }
}

/// The list was changed, perhaps by another device of ours. Only our own account or server may say so.
pub(crate) fn pushed(ctx: &mut Ctx, iq: &Element, payload: &Element) -> Result<Outcome> {
    let ours = |from: &Jid| *from == ctx.me.jid || from.as_str() == ctx.me.jid.domain().as_str();
    if iq.attr("from").is_some_and(|from| !Jid::new(from).is_ok_and(|from| ours(&from))) {
        ctx.tx.count("block_push_forged")?;
        return Ok(Outcome::Silence);
    }
    let blocked = payload.name() == "block";
    let jids = jids(payload);
    if payload.children().next().is_none() {
        if blocked {
            return Ok(Outcome::Error("modify", "bad-request"));
        }
        // XEP-0191 section 3.3: an empty `<unblock/>` is all of them.
        replace(ctx, payload)?;
    }
    for jid in jids {
        set(ctx, &jid, blocked)?;
    }
    Ok(Outcome::Result(None))
}

/// The whole list. A wish that the server has not answered yet counts more than a list made before it.
fn replace(ctx: &mut Ctx, list: &Element) -> Result<()> {
    let listed = jids(list);
    for jid in &listed {
        if ctx.tx.find_want(Kind::Unblock.code(), jid, "")?.is_none() {
            set(ctx, jid, true)?;
        }
    }
    for contact in ctx.tx.contacts()?.into_iter().filter(|contact| contact.blocked && !listed.contains(&contact.jid)) {
        if ctx.tx.find_want(Kind::Block.code(), &contact.jid, "")?.is_none() {
            set(ctx, &contact.jid, false)?;
        }
    }
    Ok(())
}

fn set(ctx: &mut Ctx, jid: &str, blocked: bool) -> Result<()> {
    let mut contact = ctx.tx.contact_or_unknown(jid)?;
    contact.blocked = blocked;
    ctx.tx.put_contact(&contact)
}

/// The people and domains of a list; single resources are not shown.
fn jids(list: &Element) -> BTreeSet<String> {
    let items = list.children().filter(|child| child.is("item", ns::BLOCKING));
    let jids = items.filter_map(|item| Jid::new(item.attr("jid")?).ok());
    jids.filter(|jid| jid.resource().is_none()).map(|jid| jid.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::roster::{change, tests::*};
    use super::*;
    use crate::command::ContactChange;

    fn push(ctx: &mut Ctx, from: &str, payload: &str) -> Outcome {
        let iq = xml(&format!("<iq xmlns='jabber:client' type='set' id='1' {from}>{payload}</iq>"));
        pushed(ctx, &iq, iq.children().next().unwrap()).unwrap()
    }

    fn blocked(ctx: &Ctx) -> bool {
        ctx.tx.contact_or_unknown(ROMEO).unwrap().blocked
    }

    fn list(ctx: &mut Ctx, items: &str) {
        ctx.want_own(Kind::BlockList, "").unwrap();
        let row = ctx.tx.find_want("block_list", "", "").unwrap().unwrap();
        let iq =
            xml(&format!("<iq xmlns='jabber:client'><blocklist xmlns='urn:xmpp:blocking'>{items}</blocklist></iq>"));
        answered(ctx, Kind::BlockList, &row, Answer::Result(&iq)).unwrap();
    }

    const BLOCK: &str = "<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.example'/></block>";

    #[test]
    fn a_push_counts_only_from_our_own_server() {
        juliet(|ctx| {
            for forged in
                ["from='romeo@montague.example'", "from='montague.example'", "from='juliet@capulet.example/x'"]
            {
                assert!(matches!(push(ctx, forged, BLOCK), Outcome::Silence));
            }
            assert!(!blocked(ctx));
            assert_eq!(ctx.tx.counted("block_push_forged"), 3);
            for ours in ["", "from='juliet@capulet.example'", "from='capulet.example'"] {
                push(ctx, ours, BLOCK);
                assert!(blocked(ctx));
                push(ctx, ours, "<unblock xmlns='urn:xmpp:blocking'/>");
                assert!(!blocked(ctx));
            }
            assert!(matches!(push(ctx, "", "<block xmlns='urn:xmpp:blocking'/>"), Outcome::Error(..)));
        });
    }

    #[test]
    fn the_list_replaces_ours_but_not_a_wish_under_way() {
        juliet(|ctx| {
            list(ctx, "<item jid='romeo@montague.example'/><item jid='evil.example/x'/>");
            assert!(blocked(ctx));
            assert_eq!(ctx.tx.contacts().unwrap().len(), 1);
            change(ctx, ROMEO, ContactChange::Unblock).unwrap();
            list(ctx, "<item jid='romeo@montague.example'/>");
            assert!(!blocked(ctx));
            change(ctx, ROMEO, ContactChange::Block).unwrap();
            list(ctx, "");
            assert!(blocked(ctx));
            ctx.tx.unwant("block", ROMEO, "").unwrap();
            list(ctx, "");
            assert!(!blocked(ctx));
        });
    }

    #[test]
    fn a_refused_block_is_shown_as_not_blocked() {
        juliet(|ctx| {
            change(ctx, ROMEO, ContactChange::Block).unwrap();
            let row = ctx.tx.find_want("block", ROMEO, "").unwrap().unwrap();
            let iq = xml("<iq xmlns='jabber:client' type='error'/>");
            answered(ctx, Kind::Block, &row, Answer::Error("service-unavailable".into(), &iq)).unwrap();
            assert!(!blocked(ctx));
            assert_eq!(ctx.tx.counted("block_refused"), 1);
            assert!(ctx.tx.find_want("block", ROMEO, "").unwrap().is_none());
        });
    }
}
