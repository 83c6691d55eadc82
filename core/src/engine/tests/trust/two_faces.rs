//! A server that shows one list with two faces, and lists that race with messages.

use super::*;

/// What the server shows of a list instead of what is there.
fn face(version2: bool, ids: &[u32]) -> Element {
    let (name, namespace) = if version2 { ("devices", ns::OMEMO2) } else { ("list", ns::OMEMO03) };
    let devices = ids.iter().map(|id| el("device", namespace).at("id", id.to_string()));
    el("item", ns::PUBSUB).at("id", "current").kid(el(name, namespace).kids(devices))
}

#[test]
fn two_faces_of_one_list_are_told_each_time() {
    for run in 0..20u32 {
        let mut world = World::new();
        let juliet = world.device("juliet@capulet.lit/balcony");
        let romeo = world.device("romeo@montague.lit/orchard");
        let (version2, late, away) = (run % 2 == 0, run % 4 < 2, run % 5 == 0);
        if late {
            world.says(juliet, ROMEO, "before");
            world.says(romeo, JULIET, "before too");
        }
        let node = if version2 { ns::OMEMO2_LIST } else { ns::OMEMO03_LIST };
        let ids: &[u32] = if run % 3 == 0 && !version2 { &[] } else { &[1001, 666 + run] };
        world.server.faces.insert((JULIET.into(), ROMEO.into(), node.into()), face(version2, ids));
        world.cut(juliet);
        world.connect(juliet);
        world.settle();
        world.says(juliet, ROMEO, "Art thou alone?");
        if away {
            world.cut(juliet);
        }
        world.says(romeo, JULIET, "Alone");
        if away {
            world.connect(juliet);
            world.settle();
        }
        pass(&mut world, 11_000);
        let told = alarms(&mut world, juliet);
        assert!(told.contains(&("other_list".into(), Some(1001))), "run {run}: {told:?}");
    }
}

#[test]
fn racing_lists_and_messages_raise_no_alarm_of_two_faces() {
    for run in 0..100u64 {
        let mut dice = Rng::seed_from_u64(run);
        let (mut world, juliet, romeo) = verified();
        for step in 0..2u32 {
            let id = 8_000 + step;
            let seed = 150 + step as u8;
            world.command(romeo, uri(ROMEO, id, seed)).unwrap();
            world.settle();
            // What is said to Juliet, her lists and his race: some of it comes late to one or the other.
            let late = if dice.random_bool(0.5) { juliet } else { romeo };
            world.devices[late].holds = true;
            world.say(romeo, JULIET, &format!("before {step}")).unwrap();
            world.device_with(&format!("romeo@montague.lit/{id}"), id, seed);
            world.say(romeo, JULIET, &format!("after {step}")).unwrap();
            world.settle();
            world.devices[late].holds = false;
            let held = std::mem::take(&mut world.devices[late].held);
            for stanza in held {
                world.input(late, Input::Stanza(Arrived::Whole(stanza)));
            }
            world.settle();
            if dice.random_bool(0.5) {
                pass(&mut world, 11_000);
            }
        }
        pass(&mut world, 30_000);
        let told = alarms(&mut world, juliet);
        assert!(told.is_empty(), "run {run}: {told:?}");
    }
}
