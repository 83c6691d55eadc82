//! Any list of steps between two devices leads to the outcome that the model foretells; a list that fails shrinks to the
//! shortest that still does.
#![allow(clippy::unwrap_used)]

mod device;
mod world;

use device::BOTH;
use dunnock_omemo::Version;
use proptest::collection::vec;
use proptest::prelude::*;
use world::{Step, World};

/// More than any list begins sessions.
const PRE_KEYS: u32 = 40;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = 0..2usize;
    let place = || 0..1000usize;
    let step = prop_oneof![
        12 => side.clone().prop_map(Step::Says),
        12 => (side.clone(), place()).prop_map(|(side, place)| Step::Arrives(side, place)),
        2 => (side.clone(), place()).prop_map(|(side, place)| Step::IsLost(side, place)),
        3 => (side.clone(), place()).prop_map(|(side, place)| Step::Repeats(side, place)),
        2 => (side.clone(), place(), place(), 1..=255u8).prop_map(|(a, b, c, d)| Step::ComesDamaged(a, b, c, d)),
        1 => side.prop_map(Step::Begins),
    ];
    vec(step, 30..140)
}

/// Plays the steps; how often a ratchet key was made.
fn play(version: Version, steps: &[Step]) -> usize {
    let mut world = World::new(version, PRE_KEYS);
    steps.iter().for_each(|step| world.step(step));
    world.ends();
    world.turns
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_list_of_steps_has_the_outcome_that_the_model_foretells(steps in steps()) {
        for version in BOTH {
            prop_assert!(play(version, &steps) >= 3, "four lines in turn are at least three turns");
        }
    }
}

#[test]
fn both_sides_begin_again_and_again_and_still_agree() {
    for version in BOTH {
        let mut world = World::new(version, PRE_KEYS);
        for _ in 0..12 {
            for side in 0..2 {
                world.begins(side);
                world.says(side);
            }
            world.arrives(0, 0);
        }
        world.ends();
        assert!(world.turns >= 24);
    }
}
