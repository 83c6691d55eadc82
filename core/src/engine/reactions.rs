//! Message Reactions (XEP-0444). Each person has one set of emojis for a message; a new one takes the place of the old.

use super::changes::{self, Said};
use super::content::{Content, id_of};
use super::xml::{Build, el};
use super::{Ctx, ns};
use crate::error::{Error, ErrorKind, Result};
use crate::store::change::EarlyRow;
use crate::store::message::MessageRow;
use minidom::Element;

/// Emojis of one person for one message.
pub(super) const MOST: usize = 20;
/// The longest sequences that Unicode recommends are families and flags of ten or so characters.
const LONGEST: usize = 16;
/// So many children are looked at.
const LOOKED_AT: usize = 100;

/// What somebody thinks of a message.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Reactions {
    /// The sender's id of it.
    pub id: String,
    /// All that they think; none takes back what they thought.
    pub emojis: Vec<String>,
}

/// Reads them; what is no emoji is left out, and so is what is said twice.
pub(super) fn read(parent: &Element) -> Option<Reactions> {
    let element = parent.get_child("reactions", ns::REACTIONS)?;
    let said = element.children().take(LOOKED_AT).filter(|child| child.is("reaction", ns::REACTIONS));
    let mut emojis: Vec<String> = Vec::new();
    for emoji in said.map(|child| child.text().trim().to_owned()) {
        if is_emoji(&emoji) && !emojis.contains(&emoji) && emojis.len() < MOST {
            emojis.push(emoji);
        }
    }
    // Nothing but garbage takes nothing back.
    let garbage = emojis.is_empty() && element.children().next().is_some();
    id_of(element).filter(|_| !garbage).map(|id| Reactions { id, emojis })
}

/// Says so.
pub(super) fn element(reactions: &Reactions) -> Element {
    let emojis = reactions.emojis.iter().map(|emoji| el("reaction", ns::REACTIONS).words(emoji));
    el("reactions", ns::REACTIONS).at("id", &*reactions.id).kids(emojis)
}

/// Whether a text can pass for one emoji (UTS #51): no word, no space, nothing that turns the direction of writing.
pub(super) fn is_emoji(text: &str) -> bool {
    let keycap = text.ends_with('\u{20E3}');
    let fits = |c: char| match c {
        '0'..='9' | '#' | '*' => keycap,
        '\u{A9}' | '\u{AE}' | '\u{200D}' | '\u{20E3}' | '\u{FE0E}' | '\u{FE0F}' => true,
        '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' => true,
        // Arrows, technical signs, dingbats, and all that came since; tags for the flags of regions.
        '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{E0020}'..='\u{E007F}' => true,
        _ => false,
    };
    let joins = |c: char| matches!(c, '\u{200D}' | '\u{20E3}' | '\u{FE0E}' | '\u{FE0F}' | '\u{E0020}'..='\u{E007F}');
    text.chars().count() <= LONGEST && text.chars().all(fits) && text.chars().next().is_some_and(|first| !joins(first))
}

/// Somebody thinks something of a message of this chat, whoever wrote it.
pub(super) fn received(ctx: &mut Ctx, said: &Said, reactions: &Reactions) -> Result<()> {
    let Some(row) = ctx.tx.message_named(said.chat, &reactions.id, None)? else {
        if !changes::is_trusted(ctx, said)? {
            return Ok(());
        }
        let emojis = serde_json::to_string(&reactions.emojis).expect("a list of texts serialises");
        let early =
            EarlyRow { sender: said.sender.to_owned(), emojis: Some(emojis), sealed: said.sealed, made: said.time };
        return ctx.tx.keep_early(said.chat, &reactions.id, &early);
    };
    if row.retracted.is_some() {
        return ctx.tx.count("change_retracted");
    }
    if changes::counts(ctx, said, &row)? {
        ctx.tx.react(&row, said.sender, &reactions.emojis, said.time)?;
    }
    Ok(())
}

/// Says what we think of a message.
pub(super) fn say(ctx: &mut Ctx, row: &MessageRow, emojis: &[String]) -> Result<()> {
    let mut all: Vec<String> = Vec::new();
    for emoji in emojis.iter().map(|emoji| emoji.trim().to_owned()) {
        if !is_emoji(&emoji) || all.len() == MOST {
            return Err(Error::about(ErrorKind::InvalidInput, "emojis"));
        }
        if !all.contains(&emoji) {
            all.push(emoji);
        }
    }
    if row.retracted.is_some() {
        return Err(Error::about(ErrorKind::NotChangeable, row.id.to_string()));
    }
    let own = ctx.bare();
    if ctx.tx.react(row, &own, &all, ctx.now.wall)? {
        let reactions = Reactions { id: changes::name_of(ctx, row)?, emojis: all };
        changes::say(ctx, row, &Content { reactions: Some(reactions), ..Content::default() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emojis_are_told_from_words_spaces_and_tricks() {
        for emoji in ["👍", "❤️", "1️⃣", "👨‍👩‍👧‍👦", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🅰️", "©️", "☮", "👋🏿", "〰️"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        let long = "👍".repeat(LONGEST + 1);
        for other in
            ["", " ", "a", "+1", "1", "👍 ", "👍a", "\u{202E}👍", "\u{FE0F}", "\u{200D}👍", "<b>", &long, "é", "愛"]
        {
            assert!(!is_emoji(other), "{other:?}");
        }
    }

    #[test]
    fn a_list_with_garbage_gives_what_is_not_garbage_once_and_within_bounds() {
        let all = |inner: &str| {
            let xml = format!(
                "<m xmlns='jabber:client'><reactions xmlns='urn:xmpp:reactions:0' id='a'>{inner}</reactions></m>"
            );
            read(&xml.parse().unwrap()).map(|reactions| reactions.emojis)
        };
        let one = "<reaction>👍</reaction>";
        assert_eq!(all(&format!("{one}<reaction>no</reaction><other/>{one}")), Some(vec!["👍".to_owned()]));
        assert_eq!(all(""), Some(Vec::new()));
        assert_eq!(all("<reaction>nothing but words</reaction>"), None);
        let many: String = (0..5_000)
            .map(|n| format!("<reaction>{}</reaction>", char::from_u32(0x1F300 + n % 500).unwrap()))
            .collect();
        assert_eq!(all(&many).unwrap().len(), MOST);
    }
}
