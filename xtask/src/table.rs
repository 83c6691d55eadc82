//! What ran, as a table that ends in one line of totals.

use std::time::Duration;

/// How a stage ended.
pub(crate) enum Fate {
    /// All of it held.
    Passed,
    /// Something did not hold.
    Failed,
    /// It could not run here, and why.
    Skipped(String),
}

/// One stage of a run.
pub(crate) struct Row {
    /// What ran.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) fate: Fate,
    /// Checks that held.
    pub(crate) passed: usize,
    /// Checks that did not.
    pub(crate) failed: usize,
    /// Checks that could not run.
    pub(crate) skipped: usize,
    /// How long it took.
    pub(crate) time: Duration,
    /// Seeds, figures and reasons that the tests handed on.
    pub(crate) notes: Vec<String>,
}

impl Row {
    /// A stage that is one check by itself.
    pub(crate) fn single(name: &str, held: bool, time: Duration) -> Row {
        Row {
            name: name.to_owned(),
            fate: if held { Fate::Passed } else { Fate::Failed },
            passed: usize::from(held),
            failed: usize::from(!held),
            skipped: 0,
            time,
            notes: Vec::new(),
        }
    }

    /// A stage that could not run, and why.
    pub(crate) fn skipped(name: &str, why: &str) -> Row {
        Row {
            fate: Fate::Skipped(why.to_owned()),
            passed: 0,
            failed: 0,
            skipped: 1,
            notes: Vec::new(),
            ..Row::single(name, true, Duration::ZERO)
        }
    }
}

/// The whole table; its last line is `N passed, N failed` with `, N skipped` where some were.
pub(crate) fn render(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:width$}  {:8} {:>7} {:>7} {:>8}\n", "stage", "", "passed", "failed", "minutes");
    for row in rows {
        let fate = match &row.fate {
            Fate::Passed => "ok",
            Fate::Failed => "FAILED",
            Fate::Skipped(_) => "skipped",
        };
        let minutes = row.time.as_secs_f64() / 60.0;
        text.push_str(&format!("{:width$}  {fate:8} {:>7} {:>7} {minutes:>8.1}\n", row.name, row.passed, row.failed));
        if let Fate::Skipped(why) = &row.fate {
            text.push_str(&format!("{:width$}    {why}\n", ""));
        }
        for note in &row.notes {
            text.push_str(&format!("{:width$}    {note}\n", ""));
        }
    }
    let sum = |count: fn(&Row) -> usize| rows.iter().map(count).sum::<usize>();
    text.push_str(&format!("{} passed, {} failed", sum(|row| row.passed), sum(|row| row.failed)));
    match sum(|row| row.skipped) {
        0 => {}
        skipped => text.push_str(&format!(", {skipped} skipped")),
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_total() {
        let rows = [Row::single("one", true, Duration::ZERO), Row::single("two", false, Duration::ZERO)];
        assert_eq!(render(&rows).lines().last(), Some("1 passed, 1 failed"));
        let rows = [Row::single("one", true, Duration::ZERO), Row::skipped("two", "no network")];
        assert_eq!(render(&rows).lines().last(), Some("1 passed, 0 failed, 1 skipped"));
    }
}
