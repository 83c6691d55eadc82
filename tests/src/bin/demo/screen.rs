//! Three columns side by side: Juliet's screen, Romeo's screen, the server's disk.

use std::io::IsTerminal;

/// The table on standard output.
pub(crate) struct Screen {
    width: usize,
    colours: bool,
}

impl Screen {
    /// As wide as the terminal says, or as a page.
    pub(crate) fn new() -> Screen {
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).unwrap_or(116usize);
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Screen { width: (columns.clamp(80, 160) - 6) / 3, colours }
    }

    /// The column heads.
    pub(crate) fn head(&self) {
        self.row("Juliet sees", "Romeo sees", "the server stored");
        let line = "─".repeat(self.width);
        println!("{line}─┼─{line}─┼─{line}");
    }

    /// One row; each cell is broken into lines as needed.
    pub(crate) fn row(&self, juliet: &str, romeo: &str, server: &str) {
        let cells = [juliet, romeo, server].map(|text| broken(text, self.width));
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let [juliet, romeo, server] = [0, 1, 2].map(|column| {
                let text = cells[column].get(number).map_or("", String::as_str);
                format!("{text}{}", " ".repeat(self.width.saturating_sub(text.chars().count())))
            });
            let (dim, plain) = if self.colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
            println!("{juliet} │ {romeo} │ {dim}{}{plain}", server.trim_end());
        }
    }
}

/// Breaks a text into lines of at most this many characters, at spaces where there are some.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(broken("one two three", 8), ["one two", "three"]);
        assert_eq!(broken("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }
}
