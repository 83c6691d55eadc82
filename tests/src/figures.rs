//! Measurements: several runs, their median, a table for people and JSON for machines.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// One measured thing, with all its runs.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// `s`, `MB`, `1/s`, …
    pub unit: &'static str,
    /// One number for each run.
    pub runs: Vec<f64>,
    /// What it is held against, in the same unit and from the same session: a floor or a peer.
    pub beside: Option<(String, f64)>,
}

impl Figure {
    /// A figure from its runs.
    pub fn new(name: &str, unit: &'static str, runs: Vec<f64>) -> Figure {
        assert!(!runs.is_empty(), "{name}: nothing was measured");
        Figure { name: name.to_owned(), unit, runs, beside: None }
    }

    /// The same, held against another figure's median.
    #[must_use]
    pub fn beside(mut self, other: &Figure) -> Figure {
        self.beside = Some((other.name.clone(), other.median()));
        self
    }

    /// The middle run, or the mean of the two middle ones.
    pub fn median(&self) -> f64 {
        let mut runs = self.runs.clone();
        runs.sort_by(f64::total_cmp);
        let middle = runs.len() / 2;
        if runs.len() % 2 == 1 { runs[middle] } else { (runs[middle - 1] + runs[middle]) / 2.0 }
    }

    /// How many times the median is what it is held against.
    pub fn ratio(&self) -> Option<f64> {
        self.beside.as_ref().map(|(_, other)| self.median() / other)
    }

    fn spread(&self) -> (f64, f64) {
        let fold = |start: f64, pick: fn(f64, f64) -> f64| self.runs.iter().copied().fold(start, pick);
        (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "unit": self.unit, "runs": self.runs, "median": self.median(),
            "beside": self.beside.as_ref().map(|(name, value)| json!({ "name": name, "median": value })),
            "ratio": self.ratio(),
        })
    }
}

/// What was published so far, for the one table at the end.
static PUBLISHED: Mutex<Vec<(String, Vec<Figure>)>> = Mutex::new(Vec::new());

/// Writes `<bench>.json` into `DUNNOCK_FIGURES`, if that is set, and keeps the figures for [`table_of_all`].
pub fn publish(bench: &str, figures: &[Figure]) {
    if let Some(folder) = std::env::var_os("DUNNOCK_FIGURES") {
        let file = PathBuf::from(folder).join(format!("{bench}.json"));
        let all: Vec<Value> = figures.iter().map(Figure::json).collect();
        let content = json!({ "bench": bench, "figures": all }).to_string();
        std::fs::write(&file, content).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    PUBLISHED.lock().unwrap_or_else(PoisonError::into_inner).push((bench.to_owned(), figures.to_vec()));
}

/// Everything that was published, as one table.
pub fn table_of_all() -> String {
    table(&PUBLISHED.lock().unwrap_or_else(PoisonError::into_inner))
}

fn table(benches: &[(String, Vec<Figure>)]) -> String {
    let names = benches.iter().flat_map(|(_, figures)| figures).map(|figure| figure.name.chars().count());
    let width = names.max().unwrap_or(0);
    let mut text = format!("  {:width$}  {:>12} {:4}  {:>23}  runs\n", "", "median", "", "least to most");
    for (bench, figures) in benches {
        text.push_str(&format!("{bench}\n"));
        figures.iter().for_each(|figure| text.push_str(&line(figure, width)));
    }
    text
}

fn line(figure: &Figure, width: usize) -> String {
    let (least, most) = figure.spread();
    let beside = match (&figure.beside, figure.ratio()) {
        (Some((name, _)), Some(ratio)) => format!("  {ratio:.2} x {name}"),
        _ => String::new(),
    };
    let (name, unit, median, runs) = (&figure.name, figure.unit, figure.median(), figure.runs.len());
    format!("  {name:width$}  {median:>12.3} {unit:4}  {least:>10.3} {most:>12.3}  {runs:>4}{beside}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_run() {
        assert!((Figure::new("x", "s", vec![9.0, 1.0, 2.0]).median() - 2.0).abs() < 1e-9);
        assert!((Figure::new("x", "s", vec![4.0, 1.0, 2.0, 9.0]).median() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_figure_says_how_it_compares() {
        let floor = Figure::new("floor", "s", vec![2.0]);
        let figure = Figure::new("ours", "s", vec![3.0]).beside(&floor);
        assert!((figure.ratio().unwrap() - 1.5).abs() < 1e-9);
        assert!(table(&[("bench".to_owned(), vec![figure])]).contains("1.50 x floor"));
    }
}
