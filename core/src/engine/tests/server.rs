//! A server in memory, small and obedient: routing with carbons, PEP, an archive. The real ones are in the live tests.

use crate::engine::ns;
use crate::engine::xml::{Build, bare_of, el, jid_of};
use minidom::Element;
use std::collections::{BTreeMap, BTreeSet};

/// What stands in an answer for more than a client reads.
pub(super) const TOO_LARGE: &str = "too-large";

/// One account on the server.
#[derive(Default)]
pub(super) struct Home {
    /// The archive: id, stamp, stanza.
    pub archive: Vec<(String, String, Element)>,
    /// PEP nodes: their items.
    pub nodes: BTreeMap<String, Vec<Element>>,
}

/// The server: accounts by bare JID, and who is online.
#[derive(Default)]
pub(super) struct Server {
    pub homes: BTreeMap<String, Home>,
    pub online: Vec<String>,
    /// What goes to whom, in order.
    pub deliveries: Vec<(String, Element)>,
    pub page: usize,
    /// Its archive takes messages and gives none out.
    pub silent: bool,
    /// It refuses what it does not know among the options of a publication, as ejabberd 23.01 does.
    pub strict: bool,
    pub next: u32,
    /// What it shows somebody of somebody's node instead of what lies there: viewer, owner, node.
    pub faces: BTreeMap<(String, String, String), Element>,
    /// Nodes that are larger than a client reads: owner, node.
    pub too_large: BTreeSet<(String, String)>,
    /// Every stanza as clients wrote it.
    pub tap: Vec<Element>,
}

impl Server {
    pub(super) fn take(&mut self, from: &str, stanza: Element) {
        self.tap.push(stanza.clone());
        match stanza.name() {
            "iq" => self.iq(from, stanza),
            "message" => self.message(from, stanza),
            _ => {}
        }
    }

    pub(super) fn bare(full: &str) -> String {
        full.split('/').next().unwrap_or(full).to_owned()
    }

    fn iq(&mut self, from: &str, iq: Element) {
        let own = Server::bare(from);
        let target = bare_of(&iq, "to").map_or_else(|| own.clone(), |jid| jid.to_string());
        let Some(payload) = iq.children().next().cloned() else { return };
        if self.silent && payload.is("query", ns::MAM) {
            return;
        }
        let result = match (payload.name(), payload.ns().as_str()) {
            ("pubsub", ns::PUBSUB) => self.pubsub(&own, &target, &payload),
            ("query", ns::MAM) => Ok(Some(self.archive_page(from, &own, &payload))),
            ("query", ns::DISCO_INFO) => {
                let features =
                    [ns::MAM, ns::SID, ns::CARBONS].map(|name| el("feature", ns::DISCO_INFO).at("var", name));
                Ok(Some(el("query", ns::DISCO_INFO).kids(features)))
            }
            ("query", ns::ROSTER) if iq.attr("type") == Some("get") => Ok(Some(el("query", ns::ROSTER))),
            ("prefs", ns::MAM) => Ok(Some(el("prefs", ns::MAM).at("default", "always"))),
            ("enable", ns::CARBONS) => Ok(None),
            _ => Err("service-unavailable"),
        };
        let answer = el("iq", ns::CLIENT).at_opt("id", iq.attr("id")).at("to", from).at("from", target);
        let answer = match result {
            Ok(payload) => answer.at("type", "result").kids(payload),
            Err(condition) => answer.at("type", "error").kid(el("error", ns::CLIENT).kid(el(condition, ns::STANZAS))),
        };
        self.deliveries.push((from.to_owned(), answer));
    }

    fn pubsub(&mut self, viewer: &str, owner: &str, pubsub: &Element) -> Result<Option<Element>, &'static str> {
        let home = self.homes.get_mut(owner).ok_or("item-not-found")?;
        if let Some(publish) = pubsub.get_child("publish", ns::PUBSUB) {
            if self.strict && pubsub.has_child("publish-options", ns::PUBSUB) {
                return Err("resource-constraint");
            }
            let node = publish.attr("node").unwrap_or_default().to_owned();
            let item = publish.children().next().ok_or("bad-request")?.clone();
            self.too_large.remove(&(owner.to_owned(), node.clone()));
            let items = home.nodes.entry(node.clone()).or_default();
            items.retain(|old| old.attr("id") != item.attr("id"));
            items.push(item.clone());
            self.notify(owner, &node, item);
            return Ok(None);
        }
        let items = pubsub.get_child("items", ns::PUBSUB).ok_or("bad-request")?;
        let node = items.attr("node").unwrap_or_default();
        let face = self.faces.get(&(viewer.to_owned(), owner.to_owned(), node.to_owned()));
        if let Some(face) = face {
            let items = el("items", ns::PUBSUB).at("node", node).kid(face.clone());
            return Ok(Some(el("pubsub", ns::PUBSUB).kid(items)));
        }
        if self.too_large.contains(&(owner.to_owned(), node.to_owned())) {
            return Ok(Some(el(TOO_LARGE, ns::PUBSUB)));
        }
        let found = home.nodes.get(node).ok_or("item-not-found")?;
        Ok(Some(el("pubsub", ns::PUBSUB).kid(el("items", ns::PUBSUB).at("node", node).kids(found.clone()))))
    }

    /// Everybody online hears of a published device list, as if all had subscribed.
    fn notify(&mut self, owner: &str, node: &str, item: Element) {
        if !node.ends_with("devicelist") && !node.ends_with(":devices") {
            return;
        }
        for full in self.online.clone() {
            let items = el("items", ns::PUBSUB_EVENT).at("node", node).kid(item.clone());
            let event = el("message", ns::CLIENT)
                .at("from", owner)
                .at("to", &*full)
                .kid(el("event", ns::PUBSUB_EVENT).kid(items));
            self.deliveries.push((full, event));
        }
    }

    fn message(&mut self, from: &str, message: Element) {
        let (own, to) = (Server::bare(from), jid_of(&message, "to").map(|jid| jid.to_string()).unwrap_or_default());
        let other = Server::bare(&to);
        let message = message.at("from", from);
        let stored = message.has_child("store", ns::HINTS) || message.has_child("body", ns::CLIENT);
        let mut seen_by: Vec<(String, Element)> = Vec::new();
        let mut people = vec![own.clone()];
        if other != own {
            people.push(other.clone());
        }
        for person in people {
            let mut copy = message.clone();
            if stored && let Some(home) = self.homes.get_mut(&person) {
                self.next += 1;
                let id = format!("archived-{}", self.next);
                let stamp = crate::model::Time(1_700_000_000_000 + i64::from(self.next)).to_string();
                home.archive.push((id.clone(), stamp, message.clone()));
                copy = copy.kid(el("stanza-id", ns::SID).at("by", &*person).at("id", id));
            }
            seen_by.push((person, copy));
        }
        for full in self.online.clone() {
            let bare = Server::bare(&full);
            let Some((_, copy)) = seen_by.iter().find(|(person, _)| *person == bare) else { continue };
            if bare == other && (full != from) {
                self.deliveries.push((full, copy.clone().at("to", &*to)));
            } else if bare == own && full != from {
                let forwarded = el("forwarded", ns::FORWARD).kid(copy.clone());
                let carbon = el("message", ns::CLIENT)
                    .at("from", &*own)
                    .at("to", &*full)
                    .kid(el("sent", ns::CARBONS).kid(forwarded));
                self.deliveries.push((full, carbon));
            }
        }
    }

    fn archive_page(&mut self, full: &str, own: &str, query: &Element) -> Element {
        let set = query.get_child("set", ns::RSM).expect("we always page");
        let word = |name: &str| set.get_child(name, ns::RSM).map(Element::text);
        let most: usize = word("max").and_then(|text| text.parse().ok()).unwrap_or(100).min(self.page);
        let all = &self.homes[own].archive;
        let slice = match (word("before"), word("after")) {
            (Some(_), _) => &all[all.len().saturating_sub(most)..],
            (None, Some(after)) => {
                let start = all.iter().position(|(id, ..)| *id == after).map_or(all.len(), |at| at + 1);
                &all[start..(start + most).min(all.len())]
            }
            (None, None) => &all[..most.min(all.len())],
        };
        let complete = slice.last().map(|last| &last.0) == all.last().map(|last| &last.0);
        let mut rsm = el("set", ns::RSM);
        if let Some((last, ..)) = slice.last() {
            rsm = rsm.kid(el("last", ns::RSM).words(last));
        }
        for (id, stamp, stanza) in slice {
            let delay = el("delay", ns::DELAY).at("stamp", &**stamp);
            let forwarded = el("forwarded", ns::FORWARD).kid(delay).kid(stanza.clone());
            let result = el("result", ns::MAM).at_opt("queryid", query.attr("queryid")).at("id", &**id).kid(forwarded);
            self.deliveries
                .push((full.to_owned(), el("message", ns::CLIENT).at("from", own).at("to", full).kid(result)));
        }
        el("fin", ns::MAM).at("complete", if complete { "true" } else { "false" }).kid(rsm)
    }
}
