//! What holds secrets can be neither printed, copied nor compared: the only comparisons are the crate's own, in constant time.
#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::marker::PhantomData;

use dunnock_omemo::{Change, Decrypted, Identity, PreKeyPair, Session, SignedPreKeyPair, SkippedKey};

/// Asks whether a type has a trait: a method of its own is found before one of a trait.
struct Has<T>(PhantomData<T>);

trait Otherwise {
    fn debug(&self) -> bool {
        false
    }
    fn clone_of_it(&self) -> bool {
        false
    }
    fn comparison(&self) -> bool {
        false
    }
}

impl<T> Otherwise for Has<T> {}

impl<T: Debug> Has<T> {
    fn debug(&self) -> bool {
        true
    }
}

impl<T: Clone> Has<T> {
    fn clone_of_it(&self) -> bool {
        true
    }
}

impl<T: PartialEq> Has<T> {
    fn comparison(&self) -> bool {
        true
    }
}

macro_rules! answers {
    ($kind:ty) => {{
        let has = Has::<$kind>(PhantomData);
        [has.debug(), has.clone_of_it(), has.comparison()]
    }};
}

#[test]
fn what_holds_secrets_is_neither_printed_nor_copied_nor_compared() {
    assert_eq!(answers!(u8), [true; 3], "the question works");
    assert_eq!(answers!(Identity), [false; 3]);
    assert_eq!(answers!(PreKeyPair), [false; 3]);
    assert_eq!(answers!(SignedPreKeyPair), [false; 3]);
    assert_eq!(answers!(SkippedKey), [false; 3]);
    assert_eq!(answers!(Session), [false; 3]);
    assert_eq!(answers!(Change), [false; 3]);
    assert_eq!(answers!(Decrypted), [false; 3]);
}

/// The sources of the crate without their tests.
fn sources() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let tests = ["bounds.rs", "vectors.rs", "test_random.rs"];
    files
        .filter(|path| !tests.iter().any(|test| path.ends_with(test)))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
        })
        .collect()
}

#[test]
fn tags_and_agreed_secrets_are_compared_in_constant_time_and_nowhere_else() {
    let mut places: Vec<String> = Vec::new();
    for (file, text) in sources() {
        places.extend(text.matches(".ct_eq(").map(|_| file.clone()));
        let plain = |line: &&str| {
            (line.contains("==") || line.contains("!="))
                && ![".ct_eq(", ".len() =="].iter().any(|word| line.contains(word))
        };
        for line in text.lines().filter(plain) {
            let secret = ["tag ", "tag)", "expected", "secret", "shared", "message_key", "scalar", "seed"];
            assert!(!secret.iter().any(|word| line.contains(word)), "{file}: {line}");
        }
    }
    places.sort();
    assert_eq!(places, ["curve.rs", "seal.rs"]);
}

#[test]
fn the_crate_forbids_unsafe_code() {
    let (_, root) = sources().into_iter().find(|(file, _)| file == "lib.rs").unwrap();
    assert!(root.contains("\n#![forbid(unsafe_code)]\n"));
    assert!(sources().iter().all(|(_, text)| !text.contains("unsafe {") && !text.contains("allow(unsafe")));
}
