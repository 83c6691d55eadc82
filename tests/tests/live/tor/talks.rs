//! Talks over every route that is not straight, and what keeps accounts apart on them.

use super::World;
use dunnock_tests::dunnock::Rpc;
use dunnock_tests::names::HOST;
use dunnock_tests::proxy::Proxy;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Messages that each of two says.
const EACH: usize = 50;

/// Both say fifty things; each arrives once, in order, fully sealed.
fn talk(juliet: (&mut Rpc, &str), romeo: (&mut Rpc, &str)) {
    let ((her_rpc, her), (his_rpc, him)) = (juliet, romeo);
    for number in 0..EACH {
        her_rpc.says(her, him, &format!("O Romeo {number}"));
        his_rpc.says(him, her, &format!("Shall I speak {number}"));
    }
    for (rpc, voice) in [(&*his_rpc, "O Romeo"), (&*her_rpc, "Shall I speak")] {
        for number in 0..EACH {
            assert_eq!(rpc.sees(&format!("{voice} {number}"))["sealed"], "full");
        }
    }
    for (rpc, account, chat) in [(her_rpc, her, him), (his_rpc, him, her)] {
        let texts: BTreeSet<String> =
            rpc.timeline(account, chat).iter().map(|row| row["text"].as_str().unwrap_or_default().to_owned()).collect();
        assert_eq!(texts.len(), 2 * EACH);
    }
}

/// Who holds the other end of the server's last connection: `exit0`, `service`, or nobody of the network.
fn last(world: &World, gate: &Proxy) -> String {
    let peer = *gate.peers().last().unwrap();
    world.net.owner(peer).unwrap_or("nobody").to_owned()
}

fn two_talk(route: impl Fn(&World) -> String, onion: bool, users: [&str; 2]) {
    let world = World::shared();
    world.accounts(&users);
    let (route, gate) = (route(&world), (!onion).then(|| world.gate()));
    let (juliet, romeo) = (world.device(users[0]), world.device(users[1]));
    let mut her_rpc = world.online(&juliet, users[0], &route, gate.as_ref());
    let mut his_rpc = world.online(&romeo, users[1], &route, gate.as_ref());
    let (her, him) = (world.server.jid(users[0]), world.server.jid(users[1]));
    talk((&mut her_rpc, &her), (&mut his_rpc, &him));
    if route == "tor" {
        her_rpc.event("tor", "ready", |event| event["state"] == "ready" && event["percent"] == 100);
    }
    if !onion {
        assert!(world.net.names.asked().iter().any(|name| name == HOST), "the name was resolved at the far end");
    }
    assert_eq!((her_rpc.close(), his_rpc.close()), (Some(0), Some(0)));
}

#[test]
fn fifty_sealed_messages_each_way_by_an_exit_of_the_tor_inside() {
    two_talk(|_| "tor".to_owned(), false, ["julietexit", "romeoexit"]);
}

#[test]
fn fifty_sealed_messages_each_way_by_an_onion_service_of_the_tor_inside() {
    two_talk(|_| "tor".to_owned(), true, ["julietonion", "romeoonion"]);
}

#[test]
fn fifty_sealed_messages_each_way_by_socks_to_an_exit_and_to_an_onion_service() {
    two_talk(World::socks, false, ["julietsocks", "romeosocks"]);
    two_talk(World::socks, true, ["julietfar", "romeofar"]);
}

/// How many accounts are told apart; one in 16,000 such runs would have them all leave by the same exit by chance.
const ACCOUNTS: usize = 8;

#[test]
fn accounts_of_one_process_share_no_circuit_of_the_tor_inside() {
    let world = World::shared();
    let gate = world.gate();
    let users: Vec<String> = (0..ACCOUNTS).map(|number| format!("apart{number}")).collect();
    world.accounts(&users.iter().map(String::as_str).collect::<Vec<_>>());
    let device = world.device("apart");
    let mut rpc = device.rpc();
    let mut left_by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for round in 0..2 {
        for user in &users {
            let (before, jid) = (gate.connections(), world.server.jid(user));
            if round == 0 {
                rpc.ok("account.add", world.account(user, "tor", Some(&gate)));
            }
            rpc.connect(&jid);
            assert_eq!(gate.connections(), before + 1);
            let exit = last(&world, &gate);
            assert!(exit.starts_with("exit"), "{exit}");
            left_by.entry(user).or_default().push(exit);
            rpc.ok("account.disconnect", json!({ "account": jid }));
            rpc.event("connection", "offline", |event| event["account"] == jid && event["state"] == "offline");
        }
    }
    let exits: BTreeSet<&String> = left_by.values().flatten().collect();
    assert!(exits.len() > 1, "all left by one exit: {left_by:?}");
    // What is alike goes the same way: else different exits would say nothing of isolation.
    let same = left_by.values().filter(|exits| exits[0] == exits[1]).count();
    assert!(same > ACCOUNTS / 2, "an account does not keep its circuit: {left_by:?}");
    assert_eq!(rpc.close(), Some(0));
}

#[test]
fn accounts_of_one_process_are_told_apart_to_a_tor_behind_socks() {
    let world = World::shared();
    let users = ["behind1", "behind2", "behind3"];
    world.accounts(&users);
    let (device, gate) = (world.device("behind"), world.gate());
    let mut rpc = device.rpc();
    for user in users {
        rpc.ok("account.add", world.account(user, &world.socks(), Some(&gate)));
        rpc.connect(&world.server.jid(user));
    }
    // "250-circuit-status=", then a line for each: number, state, path, and what it is for.
    let circuits = world.net.control(&["GETINFO circuit-status"]);
    let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in &circuits {
        if let Some((_, rest)) = line.split_once("SOCKS_USERNAME=\"") {
            let (name, number) = (rest.split('"').next().unwrap(), line.split(' ').next().unwrap());
            by_name.entry(name.to_owned()).or_default().insert(number.to_owned());
        }
    }
    assert!(by_name.len() >= users.len(), "{circuits:?}");
    let all: Vec<&String> = by_name.values().flatten().collect();
    assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "a circuit of two accounts: {circuits:?}");
    // Words that mean nothing: no one can tell from them whose they are.
    let told = by_name.keys().any(|name| users.iter().any(|user| name.contains(user)));
    assert!(!told && by_name.keys().all(|name| name.len() == 32), "{by_name:?}");
    assert_eq!(rpc.close(), Some(0));
}

#[test]
fn another_route_ends_the_stream_and_begins_one_on_that_route_only() {
    let world = World::shared();
    let gate = world.gate();
    world.accounts(&["traveller"]);
    let jid = world.server.jid("traveller");
    let device = world.device("traveller");
    let mut rpc = world.online(&device, "traveller", "tor", Some(&gate));
    assert!(last(&world, &gate).starts_with("exit"));
    let mut connections = gate.connections();
    // What is straight needs a host that is near.
    let steps =
        [(world.socks(), HOST, true), ("direct".to_owned(), "127.0.0.1", false), ("tor".to_owned(), HOST, true)];
    for (route, host, far) in steps {
        let change: Value = json!({ "account": jid, "route": route, "host": host });
        rpc.events("connection");
        rpc.ok("account.update", change);
        rpc.event("connection", "online again", |event| event["state"] == "online");
        connections += 1;
        assert_eq!((gate.connections(), last(&world, &gate).starts_with("exit")), (connections, far), "{route}");
    }
    assert_eq!(rpc.close(), Some(0));
}
