//! The table of demanded checks in `README.md` names tests that exist, and leaves no check out.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// The test names of a row, each behind the file it stands in.
fn named(row: &str) -> Vec<(String, String)> {
    let mut file = String::new();
    let mut tests = Vec::new();
    for word in row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2) {
        if word.ends_with(".rs") {
            file = if word.contains('/') { word.to_owned() } else { format!("core/omemo/tests/{word}") };
        } else if word.contains('_') {
            tests.push((file.clone(), word.to_owned()));
        }
    }
    tests
}

#[test]
fn each_of_the_fourteen_checks_names_tests_that_exist() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(crate_folder.join("tests/README.md")).unwrap();
    for number in 1..=14 {
        let start = format!("| {number}. ");
        let row = table.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no check {number}"));
        let tests = named(row.trim_end_matches([' ', '|']));
        assert!(!tests.is_empty(), "check {number} has no test");
        for (file, test) in tests {
            let source = std::fs::read_to_string(crate_folder.join("../..").join(&file)).unwrap_or_else(|error| {
                panic!("check {number}: {file}: {error}");
            });
            let place = source.find(&format!("fn {test}(")).unwrap_or_else(|| panic!("{file} has no {test}"));
            // Those of a property stand in a macro, under the same word.
            assert!(source[..place].trim_end().ends_with("#[test]"), "{test} is no test");
        }
    }
}
