//! Publish-subscribe as PEP uses it (XEP-0060, XEP-0163): items and nodes of an account.

use super::ns;
use super::xml::{Build, el};
use minidom::Element;

/// Asks for items of a node: all, or the one with this id.
pub(crate) fn items(node: &str, item: Option<&str>) -> Element {
    let wanted = item.map(|id| el("item", ns::PUBSUB).at("id", id));
    el("pubsub", ns::PUBSUB).kid(el("items", ns::PUBSUB).at("node", node).kids(wanted))
}

/// Publishes one item and says nothing of its node, for a server that does not take the options of [`publish`].
pub(crate) fn publish_only(node: &str, id: &str, payload: Element) -> Element {
    let item = el("item", ns::PUBSUB).at("id", id).kid(payload);
    el("pubsub", ns::PUBSUB).kid(el("publish", ns::PUBSUB).at("node", node).kid(item))
}

/// Publishes one item so that everybody may read it; `keep` is how many items the node holds.
pub(crate) fn publish(node: &str, id: &str, payload: Element, keep: Option<&str>) -> Element {
    let mut options = vec![("pubsub#access_model", "open"), ("pubsub#persist_items", "true")];
    if let Some(keep) = keep {
        options.push(("pubsub#max_items", keep));
    }
    publish_only(node, id, payload).kid(el("publish-options", ns::PUBSUB).kid(form(ns::PUBLISH_OPTIONS, &options)))
}

/// Opens an existing node to everybody: the way out when `publish` meets a node of other settings.
pub(crate) fn configure(node: &str, keep: Option<&str>) -> Element {
    let mut options = vec![("pubsub#access_model", "open")];
    if let Some(keep) = keep {
        options.push(("pubsub#max_items", keep));
    }
    el("pubsub", ns::PUBSUB_OWNER)
        .kid(el("configure", ns::PUBSUB_OWNER).at("node", node).kid(form(ns::NODE_CONFIG, &options)))
}

/// A submitted data form (XEP-0004).
pub(crate) fn form(kind: &str, fields: &[(&str, &str)]) -> Element {
    let field = |name: &str, value: &str| el("field", ns::DATA).at("var", name).kid(el("value", ns::DATA).words(value));
    let hidden = field("FORM_TYPE", kind).at("type", "hidden");
    let rest = fields.iter().map(|(name, value)| field(name, value));
    el("x", ns::DATA).at("type", "submit").kid(hidden).kids(rest)
}

/// The items of an answer, with their ids.
pub(crate) fn items_of<'a>(stanza: &'a Element, node: &str) -> Vec<(&'a str, &'a Element)> {
    let items = stanza.get_child("pubsub", ns::PUBSUB).and_then(|pubsub| pubsub.get_child("items", ns::PUBSUB));
    let Some(items) = items.filter(|items| items.attr("node") == Some(node)) else { return Vec::new() };
    items.children().filter(|item| item.name() == "item").map(|item| (item.attr("id").unwrap_or(""), item)).collect()
}

/// Whether a refused publication means that the node exists with other settings (XEP-0060 section 7.1.5).
pub(crate) fn is_precondition(stanza: &Element) -> bool {
    stanza
        .get_child("error", ns::CLIENT)
        .is_some_and(|error| error.has_child("precondition-not-met", ns::PUBSUB_ERRORS))
}
