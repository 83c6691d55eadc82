//! The committed corpus of the fuzz targets, played through the very same functions without a fuzzer.
#![allow(clippy::unwrap_used)]

mod device;
#[path = "../fuzz/targets.rs"]
#[allow(unreachable_pub, reason = "the fuzz package is a library")]
mod targets;
mod world;

use std::path::Path;

/// A corpus is small, so that all of it runs each time.
const MOST: usize = 600;

#[test]
fn every_input_of_the_corpus_goes_through_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::ALL {
        let files: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!((1..=MOST).contains(&files.len()), "{name}: {} inputs", files.len());
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{} fails", file.display());
        }
    }
}

#[test]
fn each_target_has_inputs_that_mean_something_and_inputs_that_do_not() {
    for (name, target) in targets::ALL {
        let seeds: Vec<_> = targets::seeds().into_iter().filter(|seed| seed.0 == name).collect();
        assert!(!seeds.is_empty());
        assert!(seeds.iter().all(|(_, bytes)| target(bytes)), "{name}: real input is refused");
        assert!(!target(b""), "{name}: nothing is accepted");
    }
}
