//! What is fuzzed of the core: the reader under the stream, the login, and the envelope inside a sealed message.
//!
//! The same functions serve libFuzzer (`cargo xtask fuzz`) and the ordinary test that replays the corpus. Each takes any
//! bytes, panics where the core is wrong, and tells whether the bytes meant anything.

use crate::engine::fuzz::reread;
use crate::wire::fuzz::login::logs_in;
use crate::wire::fuzz::read;

/// A target: its name, which is its corpus's folder too, and its function.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets.
pub const ALL: [Target; 3] = [("stream", stream), ("envelope", envelope), ("login", login)];

/// A stream after its header: it reads the same in whatever pieces it comes, and what is handed on keeps to the limits.
/// The first byte says how long the pieces are.
pub fn stream(bytes: &[u8]) -> bool {
    let Some((first, rest)) = bytes.split_first() else { return false };
    // What is wrong may be found only with what comes behind it.
    let bytes = [rest, b"<presence id='end'/>"].concat();
    let (whole, length) = (read([&bytes]), usize::from(*first) + 1);
    assert_eq!(whole, read(bytes.chunks(length)), "pieces of {length} bytes");
    whole.stanzas > 1
}

/// A login, at a server that says this: it goes through only if the server proves that it knows the password.
pub fn login(bytes: &[u8]) -> bool {
    logs_in(bytes)
}

/// An envelope of XEP-0420: what was read out of it is read again out of what we would write.
pub fn envelope(bytes: &[u8]) -> bool {
    reread(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A corpus is small, so that all of it runs each time.
    const MOST: usize = 1_000;

    #[test]
    fn every_input_of_the_corpus_goes_through_its_target() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in ALL {
            let files = std::fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path());
            let inputs: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).unwrap()).collect();
            assert!((2..=MOST).contains(&inputs.len()), "{name}: {} inputs", inputs.len());
            let meant = inputs.iter().filter(|bytes| target(bytes)).count();
            assert!(meant > 0 && meant < inputs.len(), "{name}: {meant} of {} mean something", inputs.len());
        }
    }
}
