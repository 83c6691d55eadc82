//! Service Discovery and Entity Capabilities (XEP-0030, XEP-0115): what we can, and what the server can.

use super::iq::Outcome;
use super::want::{Answer, Kind, Question};
use super::xml::{Build, el, to_base64};
use super::{Ctx, mam, ns};
use crate::error::Result;
use crate::store::want::WantRow;
use minidom::Element;
use sha1::{Digest, Sha1};

/// Where our capabilities come from (XEP-0115 section 4: a URI of the software, here without a version).
const NODE: &str = "https://github.com/dunnock-im/dunnock";

/// We are a client on a phone, with no name that would tell a version.
const CATEGORY: &str = "client";
const TYPE: &str = "phone";

/// What we can. `+notify` asks PEP for device lists of everybody whose presence we see, and for our own bookmarks (XEP-0163
/// section 4).
fn features() -> Vec<String> {
    let mut all: Vec<String> = [
        ns::CARBONS,
        ns::CAPS,
        ns::CHAT_STATES,
        ns::CONFERENCE,
        ns::DISCO_INFO,
        ns::MUC,
        ns::PING,
        ns::RECEIPTS,
        ns::SCE,
    ]
    .map(str::to_owned)
    .into();
    all.extend([ns::BOOKMARKS, ns::OMEMO2_LIST, ns::OMEMO03_LIST].map(|node| format!("{node}+notify")));
    all.sort_unstable();
    all
}

/// The verification string of XEP-0115 section 5.1 for one identity in no language and no forms.
fn verification(category: &str, kind: &str, name: &str, features: &[String]) -> String {
    let mut text = format!("{category}/{kind}//{name}<");
    let mut features: Vec<&String> = features.iter().collect();
    features.sort_unstable();
    for feature in features {
        text.push_str(feature);
        text.push('<');
    }
    to_base64(&Sha1::digest(text.as_bytes()))
}

fn ver() -> String {
    verification(CATEGORY, TYPE, "", &features())
}

/// Our capabilities as presence carries them.
pub(crate) fn caps() -> Element {
    el("c", ns::CAPS).at("hash", "sha-1").at("node", NODE).at("ver", ver())
}

/// Asks what somebody can.
pub(crate) fn question() -> Question {
    Question::get(el("query", ns::DISCO_INFO))
}

/// Somebody asks what we can; a node that we never announced does not exist.
pub(crate) fn asked(payload: &Element) -> Outcome {
    let node = payload.attr("node");
    if node.is_some_and(|node| node != format!("{NODE}#{}", ver())) {
        return Outcome::Error("cancel", "item-not-found");
    }
    let identity = el("identity", ns::DISCO_INFO).at("category", CATEGORY).at("type", TYPE);
    let features = features().into_iter().map(|feature| el("feature", ns::DISCO_INFO).at("var", feature));
    Outcome::Result(Some(el("query", ns::DISCO_INFO).at_opt("node", node).kid(identity).kids(features)))
}

/// Our account or our server told what it can, or refused to.
pub(crate) fn answered(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(row)?;
    let query = match answer {
        Answer::Result(iq) => iq.get_child("query", ns::DISCO_INFO),
        Answer::Error(..) => None,
    };
    let can = |feature: &str| {
        let mut all = query.into_iter().flat_map(|query| query.children());
        all.any(|child| child.is("feature", ns::DISCO_INFO) && child.attr("var") == Some(feature))
    };
    match kind {
        Kind::AccountDisco => {
            let (archive, sid) = (can(ns::MAM), can(ns::SID));
            let mut connection = ctx.tx.connection()?;
            (connection.archive, connection.sid) = (Some(archive), sid);
            ctx.tx.set_connection(&connection)?;
            mam::archive_known(ctx, archive)
        }
        _ if can(ns::BLOCKING) => ctx.want_own(Kind::BlockList, ""),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{juliet, xml};
    use super::*;

    #[test]
    fn verification_string_is_that_of_xep_0115_section_5_2() {
        let features = [
            "http://jabber.org/protocol/caps",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
        ];
        let features = features.map(str::to_owned);
        assert_eq!(verification("client", "pc", "Exodus 0.9.1", &features), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    #[test]
    fn what_we_answer_has_the_hash_that_we_announce() {
        let caps = caps();
        let node = format!("{}#{}", caps.attr("node").unwrap(), caps.attr("ver").unwrap());
        let asks = xml("<query xmlns='http://jabber.org/protocol/disco#info'/>");
        for (asks, echoed) in [(asks.clone(), None), (asks.clone().at("node", &*node), Some(&*node))] {
            let Outcome::Result(Some(query)) = asked(&asks) else { panic!("refused") };
            assert_eq!(query.attr("node"), echoed);
            let identity = query.get_child("identity", ns::DISCO_INFO).unwrap();
            assert_eq!(identity.attr("name"), None);
            let features = query.children().filter_map(|child| child.attr("var")).map(str::to_owned);
            let features: Vec<String> = features.collect();
            assert!(features.contains(&"urn:xmpp:omemo:2:devices+notify".into()));
            let (category, kind) = (identity.attr("category").unwrap(), identity.attr("type").unwrap());
            assert_eq!(Some(&*verification(category, kind, "", &features)), caps.attr("ver"));
        }
        assert!(matches!(asked(&asks.at("node", format!("{NODE}#other"))), Outcome::Error("cancel", "item-not-found")));
    }

    fn server(ctx: &mut Ctx, kind: Kind, features: &[&str]) {
        ctx.want_own(kind, "").unwrap();
        let row = ctx.tx.find_want(kind.code(), "", "").unwrap().unwrap();
        let features = features.iter().map(|feature| el("feature", ns::DISCO_INFO).at("var", *feature));
        let iq = el("iq", ns::CLIENT).kid(el("query", ns::DISCO_INFO).kids(features));
        answered(ctx, kind, &row, Answer::Result(&iq)).unwrap();
        assert!(ctx.tx.find_want(kind.code(), "", "").unwrap().is_none());
    }

    #[test]
    fn the_account_tells_whether_it_archives() {
        juliet(|ctx| {
            server(ctx, Kind::AccountDisco, &["urn:xmpp:mam:2", "urn:xmpp:sid:0"]);
            let connection = ctx.tx.connection().unwrap();
            assert_eq!((connection.archive, connection.sid), (Some(true), true));
            ctx.want_own(Kind::AccountDisco, "").unwrap();
            let row = ctx.tx.find_want("account_disco", "", "").unwrap().unwrap();
            let refused = xml("<iq xmlns='jabber:client' type='error'/>");
            answered(ctx, Kind::AccountDisco, &row, Answer::Error("item-not-found".into(), &refused)).unwrap();
            let connection = ctx.tx.connection().unwrap();
            assert_eq!((connection.archive, connection.sid), (Some(false), false));
        });
    }

    #[test]
    fn the_block_list_is_read_where_there_is_one() {
        juliet(|ctx| {
            server(ctx, Kind::ServerDisco, &["urn:xmpp:carbons:2"]);
            assert!(ctx.tx.find_want("block_list", "", "").unwrap().is_none());
            server(ctx, Kind::ServerDisco, &["urn:xmpp:blocking"]);
            assert!(ctx.tx.find_want("block_list", "", "").unwrap().is_some());
        });
    }
}
