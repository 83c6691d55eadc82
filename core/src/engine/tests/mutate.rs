//! Changes to stanzas as attackers, bugs and bad luck make them: a small tree that anything can be done to.

use crate::engine::ns;
use crate::engine::xml::{Build, el};
use minidom::{Element, Node};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// An element of which every part can be changed.
#[derive(Clone)]
struct Tree {
    name: String,
    space: String,
    attributes: Vec<(String, String)>,
    kids: Vec<Kid>,
}

#[derive(Clone)]
enum Kid {
    Tree(Tree),
    Text(String),
}

/// What mutations are made of: everything seen so far, and what nobody should ever send.
pub(super) struct Mutator {
    rng: StdRng,
    values: Vec<String>,
    people: Vec<String>,
    parts: Vec<Tree>,
    stanzas: Vec<Tree>,
}

/// Recorded parts are kept up to so many; then new ones take the place of old ones.
const KEPT: usize = 2000;

const ODD: [&str; 16] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "true",
    "false",
    "4294967296",
    "99999999999999999999",
    "@",
    "/",
    "a@b@c",
    "\u{202e}x",
    "2026-13-45T99:99:99Z",
    "1970-01-01T00:00:00Z",
    "error",
];
const SPACES: [&str; 12] = [
    ns::CLIENT,
    ns::OMEMO2,
    ns::OMEMO03,
    ns::MAM,
    ns::CARBONS,
    ns::FORWARD,
    ns::SID,
    ns::PUBSUB,
    ns::PUBSUB_EVENT,
    ns::ROSTER,
    ns::RECEIPTS,
    "urn:nobody",
];
const NAMES: [&str; 14] = [
    "message",
    "iq",
    "presence",
    "encrypted",
    "header",
    "key",
    "keys",
    "payload",
    "body",
    "result",
    "received",
    "sent",
    "forwarded",
    "items",
];

impl Mutator {
    pub(super) fn new(rng: StdRng, people: &[&str]) -> Mutator {
        let people = people.iter().map(|jid| (*jid).to_owned()).collect();
        let values = ODD.iter().map(|value| (*value).to_owned()).collect();
        Mutator { rng, values, people, parts: Vec::new(), stanzas: Vec::new() }
    }

    /// Remembers what a stanza is made of.
    pub(super) fn learn(&mut self, stanza: &Element) {
        let tree = Tree::of(stanza);
        self.learn_tree(&tree);
        self.keep_stanza(tree);
    }

    fn keep_stanza(&mut self, tree: Tree) {
        match self.stanzas.len() < KEPT {
            true => self.stanzas.push(tree),
            false => {
                let at = self.below(KEPT);
                self.stanzas[at] = tree;
            }
        }
    }

    fn learn_tree(&mut self, tree: &Tree) {
        for (_, value) in &tree.attributes {
            match self.values.len() < KEPT {
                true => self.values.push(value.clone()),
                false => {
                    let at = self.rng.random_range(ODD.len()..KEPT);
                    self.values[at] = value.clone();
                }
            }
        }
        for kid in &tree.kids {
            let Kid::Tree(kid) = kid else { continue };
            match self.parts.len() < KEPT {
                true => self.parts.push(kid.clone()),
                false => {
                    let at = self.below(KEPT);
                    self.parts[at] = kid.clone();
                }
            }
            self.learn_tree(kid);
        }
    }

    /// The stanza with one to three things done to it; sometimes an earlier one comes in its place.
    pub(super) fn mutated(&mut self, stanza: &Element) -> Element {
        let mut tree = match self.below(8) {
            0 if !self.stanzas.is_empty() => self.stanzas[self.rng.random_range(0..self.stanzas.len())].clone(),
            _ => Tree::of(stanza),
        };
        for _ in 0..=self.below(3) {
            match self.below(4) {
                0 => self.readdress(&mut tree),
                1 => tree = self.wrapped(tree),
                _ => {
                    let at = self.below(tree.count());
                    self.change(tree.nth(&mut { at }).expect("it was counted"));
                }
            }
        }
        tree.element()
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn value(&mut self) -> String {
        let at = self.below(self.values.len());
        self.values[at].clone()
    }

    fn person(&mut self) -> String {
        let at = self.below(self.people.len());
        let person = self.people[at].clone();
        match self.below(4) {
            0 => format!("{person}/x"),
            1 => person.split('@').next_back().unwrap_or_default().to_owned(),
            _ => person,
        }
    }

    /// Another `from` or `to`, on the stanza or on a message inside of it.
    fn readdress(&mut self, tree: &mut Tree) {
        let messages = tree.count_of("message").max(1);
        let at = self.below(messages);
        let name = ["from", "to"][self.below(2)];
        let person = self.person();
        let target = tree.nth_of("message", &mut { at });
        match target {
            Some(message) => message.set(name, person),
            None => tree.set(name, person),
        }
    }

    /// The stanza as a carbon or a result of an archive, which anybody may claim.
    fn wrapped(&mut self, tree: Tree) -> Tree {
        let forwarded = Tree::new("forwarded", ns::FORWARD, vec![], vec![tree]);
        let inner = match self.below(3) {
            0 => Tree::new("sent", ns::CARBONS, vec![], vec![forwarded]),
            1 => Tree::new("received", ns::CARBONS, vec![], vec![forwarded]),
            _ => {
                let (id, query) = (self.value(), format!("catch-up-{}", self.below(4)));
                let attributes = vec![("id".to_owned(), id), ("queryid".to_owned(), query)];
                Tree::new("result", ns::MAM, attributes, vec![forwarded])
            }
        };
        let (from, to) = (self.person(), self.person());
        Tree::new("message", ns::CLIENT, vec![("from".to_owned(), from), ("to".to_owned(), to)], vec![inner])
    }

    /// One thing done to one element.
    fn change(&mut self, tree: &mut Tree) {
        let (attributes, kids) = (tree.attributes.len(), tree.kids.len());
        match self.below(12) {
            0 if attributes > 0 => {
                let at = self.below(attributes);
                tree.attributes[at].1 = self.value();
            }
            1 if attributes > 0 => {
                let at = self.below(attributes);
                tree.attributes.remove(at);
            }
            2 if kids > 0 => {
                let (from, to) = (self.below(kids), self.below(kids));
                tree.kids.insert(to, tree.kids[from].clone());
            }
            3 if kids > 0 => {
                let at = self.below(kids);
                tree.kids.remove(at);
            }
            4 if kids > 1 => {
                let (one, other) = (self.below(kids), self.below(kids));
                tree.kids.swap(one, other);
            }
            5 => tree.space = SPACES[self.below(SPACES.len())].to_owned(),
            6 => tree.name = NAMES[self.below(NAMES.len())].to_owned(),
            7 => {
                let inner = tree.clone();
                tree.kids.push(Kid::Tree(inner));
            }
            8 if !self.parts.is_empty() => {
                let part = self.parts[self.rng.random_range(0..self.parts.len())].clone();
                match kids {
                    0 => tree.kids.push(Kid::Tree(part)),
                    _ => {
                        let at = self.below(kids);
                        tree.kids[at] = Kid::Tree(part);
                    }
                }
            }
            _ => self.spoil_text(tree),
        }
    }

    /// Cuts, flips or replaces a text.
    fn spoil_text(&mut self, tree: &mut Tree) {
        let Some(Kid::Text(text)) = tree.kids.iter_mut().find(|kid| matches!(kid, Kid::Text(_))) else {
            let text = self.value();
            return tree.kids.push(Kid::Text(text));
        };
        let mut signs: Vec<char> = text.chars().collect();
        match self.rng.random_range(0..3) {
            0 if !signs.is_empty() => signs.truncate(self.rng.random_range(0..signs.len())),
            1 if !signs.is_empty() => {
                let at = self.rng.random_range(0..signs.len());
                signs[at] = ['A', 'B', '/', '=', '7', 'é'][self.rng.random_range(0..6)];
            }
            _ => {
                signs =
                    (0..self.rng.random_range(0..200)).map(|_| (self.rng.next_u32() % 94 + 33) as u8 as char).collect()
            }
        }
        *text = signs.into_iter().collect();
    }
}

impl Tree {
    fn new(name: &str, space: &str, attributes: Vec<(String, String)>, kids: Vec<Tree>) -> Tree {
        let kids = kids.into_iter().map(Kid::Tree).collect();
        Tree { name: name.to_owned(), space: space.to_owned(), attributes, kids }
    }

    fn of(element: &Element) -> Tree {
        let attributes = element.attrs().iter().filter(|((space, _), _)| space.is_none());
        let attributes = attributes.map(|((_, name), value)| (name.to_string(), value.clone())).collect();
        let kids = element.nodes().map(|node| match node {
            Node::Element(kid) => Kid::Tree(Tree::of(kid)),
            Node::Text(text) => Kid::Text(text.clone()),
        });
        Tree { name: element.name().to_owned(), space: element.ns(), attributes, kids: kids.collect() }
    }

    fn element(&self) -> Element {
        let mut element = el(&self.name, &self.space);
        for (name, value) in &self.attributes {
            element = element.at(name, &**value);
        }
        for kid in &self.kids {
            element = match kid {
                Kid::Tree(tree) => element.kid(tree.element()),
                Kid::Text(text) => element.words(text),
            };
        }
        element
    }

    fn set(&mut self, name: &str, value: String) {
        self.attributes.retain(|(other, _)| other != name);
        self.attributes.push((name.to_owned(), value));
    }

    fn trees(&mut self) -> impl Iterator<Item = &mut Tree> {
        self.kids.iter_mut().filter_map(|kid| match kid {
            Kid::Tree(tree) => Some(tree),
            Kid::Text(_) => None,
        })
    }

    fn count(&mut self) -> usize {
        1 + self.trees().map(Tree::count).sum::<usize>()
    }

    fn count_of(&mut self, name: &str) -> usize {
        usize::from(self.name == name) + self.trees().map(|tree| tree.count_of(name)).sum::<usize>()
    }

    /// The element with this number, counted from the root.
    fn nth(&mut self, left: &mut usize) -> Option<&mut Tree> {
        if *left == 0 {
            return Some(self);
        }
        *left -= 1;
        self.trees().find_map(|tree| tree.nth(left))
    }

    /// The element of this name with this number.
    fn nth_of(&mut self, name: &str, left: &mut usize) -> Option<&mut Tree> {
        if self.name == name {
            if *left == 0 {
                return Some(self);
            }
            *left -= 1;
        }
        self.trees().find_map(|tree| tree.nth_of(name, left))
    }
}
