//! Start tags and the namespaces in force (Namespaces in XML 1.0), bounded.

use super::parse::limit;
use minidom::Element;
use rxml::parser::{RawQName, XMLNS_XML};
use rxml::{AttrMap, Namespace, NcName};

/// A start tag as it came.
pub(crate) struct Head {
    prefix: Option<NcName>,
    name: NcName,
    attributes: Vec<(RawQName, String)>,
}

impl Head {
    pub(crate) fn new(prefix: Option<NcName>, name: NcName) -> Self {
        Head { prefix, name, attributes: Vec::new() }
    }

    /// Adds an attribute; false once there are too many.
    pub(crate) fn push(&mut self, name: RawQName, value: String) -> bool {
        self.attributes.push((name, value));
        self.attributes.len() <= limit::ATTRIBUTES
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The value of an attribute without a prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|((prefix, n), _)| prefix.is_none() && n.as_str() == name);
        found.map(|(_, value)| value.clone())
    }

    /// The namespace of the element, if it declares that itself.
    pub(crate) fn own_namespace(&self) -> Option<String> {
        self.attribute("xmlns").filter(|_| self.prefix.is_none())
    }

    /// The element without content; `None` if a prefix is not declared or an attribute is doubled.
    pub(crate) fn element(self, scope: &Scope) -> Option<Element> {
        let namespace = scope.resolve(self.prefix.as_ref())?;
        let mut element = Element::bare(self.name.as_str(), namespace);
        let map: &mut AttrMap = element.attrs_mut();
        for ((prefix, name), value) in self.attributes {
            if declared(prefix.as_ref(), &name).is_some() {
                continue;
            }
            let namespace = match prefix {
                None => Namespace::NONE,
                Some(_) => Namespace::from(scope.resolve(prefix.as_ref())?.to_owned()),
            };
            if map.insert(namespace, name, value).is_some() {
                return None;
            }
        }
        Some(element)
    }
}

/// The prefix that an attribute declares: `Some(None)` is the default namespace, `None` that it declares nothing.
fn declared<'a>(prefix: Option<&NcName>, name: &'a NcName) -> Option<Option<&'a NcName>> {
    match prefix {
        None if name.as_str() == "xmlns" => Some(None),
        Some(prefix) if prefix.as_str() == "xmlns" => Some(Some(name)),
        _ => None,
    }
}

/// The declarations in force, innermost last.
#[derive(Default)]
pub(crate) struct Scope {
    declarations: Vec<(usize, Option<NcName>, String)>,
}

impl Scope {
    /// Takes over what a start tag at this depth declares, and tells whether it declares each prefix once; `None` past
    /// `most` in all.
    pub(crate) fn enter(&mut self, depth: usize, head: &Head, most: usize) -> Option<bool> {
        let mut once = true;
        for ((prefix, name), value) in &head.attributes {
            if let Some(prefix) = declared(prefix.as_ref(), name) {
                let mut here = self.declarations.iter().rev().take_while(|(at, ..)| *at == depth);
                once &= !here.any(|(_, known, _)| known.as_ref() == prefix);
                self.declarations.push((depth, prefix.cloned(), value.clone()));
            }
        }
        (self.declarations.len() <= most).then_some(once)
    }

    /// The element at this depth ended, or all below it were given up.
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.declarations.last().is_some_and(|(at, ..)| *at >= depth) {
            self.declarations.pop();
        }
    }

    /// Declarations in force, for tests.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.declarations.len()
    }

    /// The namespace of a prefix, or the default one.
    pub(crate) fn resolve(&self, prefix: Option<&NcName>) -> Option<&str> {
        let found = self.declarations.iter().rev().find(|(_, declared, _)| declared.as_ref() == prefix);
        match (found, prefix) {
            (Some((_, _, namespace)), _) => Some(namespace),
            (None, None) => Some(""),
            (None, Some(prefix)) => (prefix.as_str() == "xml").then_some(XMLNS_XML),
        }
    }
}
