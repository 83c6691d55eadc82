//! Text from outside on a terminal: whoever wrote it must not be able to move the cursor, change colours, answer
//! queries, turn the reading direction of what follows, or fake a line of ours.

use std::fmt::Write;

/// Whether `c` may do something to a terminal or to the order of what is around it: controls (C0, DEL, C1), line and
/// paragraph separators, bidirectional embeddings, overrides and isolates, and characters without any appearance that
/// only serve to hide: soft hyphens, fillers, tags. The joiners that scripts and emoji need, and the plain direction marks, stay.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(
            c,
            '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` as one line, with every character that acts written out (`\u{1b}`).
pub(crate) fn line(text: &str) -> String {
    escape(text, |_| None)
}

/// `text` with its line breaks kept; what follows a break is indented, so that it cannot pass for a line of its own.
pub(crate) fn block(text: &str, indent: usize) -> String {
    let text = text.replace("\r\n", "\n");
    escape(&text, |c| match c {
        '\n' => Some(format!("\n{:indent$}", "")),
        '\t' => Some("\t".into()),
        _ => None,
    })
}

/// JSON text with every character that acts as a `\u` escape; `serde_json` leaves those above ASCII as they are. In JSON
/// they can only stand inside strings, where the escape means the same.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn escape(text: &str, kept: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match kept(c) {
            Some(instead) => out.push_str(&instead),
            None if acts(c) => out.extend(c.escape_unicode()),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(line("\u{1b}[2Jgone\u{7}"), "\\u{1b}[2Jgone\\u{7}");
        assert_eq!(line("\u{9b}31mred\u{7f}"), "\\u{9b}31mred\\u{7f}");
        assert_eq!(block("a\u{1b}]0;title\u{7}b\rc", 2), "a\\u{1b}]0;title\\u{7}b\\u{d}c");
    }

    #[test]
    fn nothing_turns_the_reading_direction() {
        for c in
            ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}']
        {
            assert!(!line(&format!("a{c}b")).contains(c));
            assert!(!block(&format!("a{c}b"), 0).contains(c));
            assert!(!json(&format!("\"a{c}b\"")).contains(c));
        }
    }

    #[test]
    fn nothing_hides_in_a_name() {
        for c in "\u{ad}\u{115f}\u{1160}\u{180e}\u{3164}\u{ffa0}\u{e0000}\u{e0001}\u{e0041}\u{e007f}".chars() {
            let text = format!("ro{c}meo");
            assert_eq!(line(&text), format!("ro{}meo", c.escape_unicode()));
            let written = json(&serde_json::to_string(&text).unwrap());
            assert!(written.is_ascii());
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }

    #[test]
    fn a_line_break_cannot_start_a_line_of_ours() {
        assert_eq!(line("a\nromeo: hi"), "a\\u{a}romeo: hi");
        assert_eq!(block("a\nromeo: hi\r\nb", 4), "a\n    romeo: hi\n    b");
        assert_eq!(block("a\u{2028}b", 4), "a\\u{2028}b");
    }

    #[test]
    fn ordinary_writing_stays_as_it_is() {
        for text in ["Grüße, 你好", "שלום \u{200f}!", "می\u{200c}خواهم", "👩\u{200d}🔬 ❤\u{fe0f}", "back\\slash"]
        {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn json_reads_back_as_the_same_text() {
        let text = "a\u{202e}b\u{9b}c\u{7f}d\n\"\u{feff}";
        let written = json(&serde_json::to_string(text).unwrap());
        assert!(!written.chars().any(acts));
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
