//! Words on keys between devices (XEP-0450), and the honest changes that they cover.

use super::*;

#[test]
fn an_own_device_announced_before_it_is_listed_is_trusted_by_all_without_an_alarm() {
    let (mut world, juliet, romeo) = verified();
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    let tomb = world.device_with("juliet@capulet.lit/tomb", 77, 77);
    assert_eq!((alarms(&mut world, juliet), alarms(&mut world, romeo)), (vec![], vec![]));
    assert_eq!(trust(&mut world, juliet, JULIET, 77), Trust::Verified);
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
    world.says(romeo, JULIET, "to both");
    assert_eq!(read(&mut world, tomb, ROMEO), ["to both"]);
    // Nothing of all this was said in clear.
    assert!(!world.server.tap.iter().any(|stanza| String::from(stanza).contains("trust-message")));
}

#[test]
fn a_word_in_the_archive_comes_before_the_alarm() {
    let (mut world, juliet, romeo) = verified();
    world.cut(romeo);
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    world.device_with("juliet@capulet.lit/tomb", 77, 77);
    world.connect(romeo);
    world.settle();
    assert_eq!(alarms(&mut world, romeo), []);
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
}

#[test]
fn a_word_of_a_device_that_nobody_compared_waits_until_somebody_does() {
    let (mut world, juliet, romeo) = talked();
    world.command(juliet, uri(ROMEO, 1001, 2)).unwrap();
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    world.device_with("juliet@capulet.lit/tomb", 77, 77);
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Undecided);
    assert_eq!(alarms(&mut world, romeo), [("quarantined".into(), Some(77))]);
    world.command(romeo, uri(JULIET, 1000, 1)).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
}

#[test]
fn a_contact_speaks_for_their_own_devices_only_and_a_spy_for_nobody() {
    let (mut world, juliet, romeo) = verified();
    let tomb = world.device("juliet@capulet.lit/tomb");
    let spy = world.device_with("romeo@montague.lit/spy", 666, 66);
    // Romeo calls a device of hers good, and so does the spy of itself.
    world.command(romeo, uri(JULIET, 1002, 3)).unwrap();
    world.command(spy, uri(JULIET, 1000, 1)).unwrap();
    world.command(spy, uri(ROMEO, 666, 66)).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, juliet, JULIET, 1002), Trust::Undecided);
    assert_eq!(trust(&mut world, juliet, ROMEO, 666), Trust::Undecided);
    world.says(juliet, ROMEO, "three");
    assert_eq!(keys_for(&world, 666), 0);
    assert_eq!(read(&mut world, tomb, ROMEO), Vec::<String>::new());
}

#[test]
fn a_key_rejected_on_one_device_is_rejected_on_all_that_count() {
    let (mut world, juliet, romeo) = verified();
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    let tomb = world.device_with("juliet@capulet.lit/tomb", 77, 77);
    world.command(tomb, uri(JULIET, 1000, 1)).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
    world.command(juliet, Command::DeviceRemove { device: 77 }).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Distrusted);
    let before = keys_for(&world, 77);
    world.says(romeo, JULIET, "to one");
    assert_eq!(keys_for(&world, 77), before);
}

#[test]
fn two_hundred_honest_changes_raise_no_alarm() {
    let mut changes = 0;
    for round in 0..50u64 {
        let mut dice = Rng::seed_from_u64(round);
        let (mut world, juliet, romeo) = verified();
        let mut others: Vec<(usize, u32)> = Vec::new();
        for step in 0..4u32 {
            let seed = 100 + step as u8;
            let id = 7_000 + step;
            if dice.random_bool(0.3) {
                world.cut(romeo);
            }
            if !others.is_empty() && dice.random_bool(0.25) {
                let (gone, device) = others.remove(dice.random_range(0..others.len()));
                world.cut(gone);
                world.command(juliet, Command::DeviceRemove { device }).unwrap();
            } else {
                // The new one shows its address, an old one reads it; then it comes online.
                world.command(juliet, uri(JULIET, id, seed)).unwrap();
                world.settle();
                let number = world.device_with(&format!("juliet@capulet.lit/{id}"), id, seed);
                world.command(number, uri(JULIET, 1000, 1)).unwrap();
                others.push((number, id));
            }
            if dice.random_bool(0.5) {
                world.settle();
            }
            if !world.devices[romeo].online {
                world.connect(romeo);
            }
            let text = format!("{round} {step}");
            world.says(
                if dice.random_bool(0.5) { juliet } else { others.last().map_or(juliet, |other| other.0) },
                ROMEO,
                &text,
            );
            world.says(romeo, JULIET, &text);
            changes += 1;
        }
        pass(&mut world, 60_000);
        for number in 0..world.devices.len() {
            if world.devices[number].online {
                let told = alarms(&mut world, number);
                assert!(told.is_empty(), "round {round}: {} has {told:?}", world.devices[number].full);
            }
        }
        let id = world.says(romeo, JULIET, "to all");
        let all = 1 + others.len() as u32;
        assert_eq!(reach(&world, romeo, id), (all, all));
    }
    assert_eq!(changes, 200);
}

#[test]
fn what_was_said_before_an_honest_change_while_we_were_away_raises_no_alarm() {
    let (mut world, juliet, romeo) = verified();
    world.cut(juliet);
    world.says(romeo, JULIET, "before the change");
    world.now += 86_400_000;
    world.command(romeo, uri(ROMEO, 77, 77)).unwrap();
    world.settle();
    world.device_with("romeo@montague.lit/tomb", 77, 77);
    world.connect(juliet);
    // As real servers do: what changed is told with our presence, before the archive is read.
    for node in [ns::OMEMO2_LIST, ns::OMEMO03_LIST] {
        let item = world.server.homes[ROMEO].nodes[node][0].clone();
        let items = el("items", ns::PUBSUB_EVENT).at("node", node).kid(item);
        let event = el("event", ns::PUBSUB_EVENT).kid(items);
        let push = el("message", ns::CLIENT).at("from", ROMEO).at("to", JULIET).kid(event);
        world.deliver(juliet, &String::from(&push));
    }
    world.settle();
    world.says(juliet, ROMEO, "after");
    pass(&mut world, 60_000);
    assert_eq!(alarms(&mut world, juliet), []);
    assert_eq!(read(&mut world, juliet, ROMEO), ["one", "two", "before the change", "after"]);
}
