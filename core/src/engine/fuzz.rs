//! An envelope read and written again, for the fuzz targets.

use super::content::Content;
use super::xml::{Build, bytes, el, parse};
use super::{ns, sce};

/// Reads an envelope, and again what we would write of it. Whether it was one.
pub(crate) fn reread(clear: &[u8]) -> bool {
    let Ok(opened) = sce::unwrap(clear, "juliet@capulet.lit", "romeo@montague.lit") else { return false };
    let written = bytes(&el("content", ns::SCE).kids(opened.content.elements()));
    let again = std::str::from_utf8(&written).ok().and_then(parse);
    let again = again.map(|content| Content::of(&content));
    assert_eq!(again.as_ref(), Some(&opened.content), "{}", String::from_utf8_lossy(&written));
    true
}
