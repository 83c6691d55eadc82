//! What stands for a message, so that a second copy is known.

use super::{healing, ns};
use minidom::Element;
use sha2::{Digest, Sha256};

/// Stands for what a message says: the same id with another payload is another message.
pub(crate) fn digest(message: &Element) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut sealed = false;
    for encrypted in message.children().filter(|child| child.name() == "encrypted") {
        sealed = true;
        let empty = !encrypted.children().any(|part| part.name() == "payload");
        for part in encrypted.children() {
            match part.name() {
                "payload" => hash.update(part.text()),
                _ => hash.update(part.attr("sid").unwrap_or("")),
            }
            // Empty messages differ in their keys alone.
            if empty {
                healing::hash_keys(part, &mut hash);
            }
        }
    }
    if !sealed {
        hash.update(message.get_child("body", ns::CLIENT).map(Element::text).unwrap_or_default());
    }
    hash.finalize().into()
}
