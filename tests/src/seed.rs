//! Randomness that can be had again: every random test names its seed, and takes one from the environment.

use crate::report;

/// A small generator (SplitMix64); not for keys.
#[derive(Debug, Clone)]
pub struct Seed {
    state: u64,
}

impl Seed {
    /// The seed for one test: `DUNNOCK_SEED` if set, else a fresh one. It appears in the table of `cargo xtask test`.
    pub fn for_test(name: &str) -> Seed {
        let seed = match std::env::var("DUNNOCK_SEED") {
            Ok(text) => text.trim().parse().unwrap_or_else(|_| panic!("DUNNOCK_SEED is not a number: {text:?}")),
            Err(_) => fresh(),
        };
        eprintln!("{name}: DUNNOCK_SEED={seed}");
        report::note(&format!("{name}: seed {seed}"));
        Seed::from_number(seed)
    }

    /// The sequence that belongs to this number.
    pub fn from_number(seed: u64) -> Seed {
        Seed { state: seed }
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; the tiny bias of a remainder does no harm here.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "nothing is below zero");
        self.number() % end
    }

    /// A number in `start..end`.
    pub fn between(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end - start)
    }

    /// One of these.
    pub fn choice<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// So many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number() as u8).collect()
    }

    /// A generator of its own for another thread, so that the order of threads does not matter.
    pub fn split(&mut self) -> Seed {
        Seed { state: self.number() }
    }
}

/// A number that differs from run to run; short, so that it is easily typed again.
fn fresh() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut seed = Seed::from_number(now.as_nanos() as u64 ^ u64::from(std::process::id()));
    seed.below(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut one, mut other) = (Seed::from_number(7), Seed::from_number(7));
        assert!((0..100).all(|_| one.number() == other.number()));
        assert_ne!(Seed::from_number(8).number(), Seed::from_number(7).number());
    }

    #[test]
    fn numbers_stay_in_range() {
        let mut seed = Seed::from_number(1);
        assert!((0..1000).all(|_| (3..9).contains(&seed.between(3, 9))));
    }
}
