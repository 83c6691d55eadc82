//! The proof that nothing leaves outside of the chosen route, packet by packet. Needs root; left out and told without.

use super::World;
use dunnock_tests::alone;
use dunnock_tests::dunnock::{Device, PATIENCE, Rpc};
use dunnock_tests::environment;
use dunnock_tests::names::HOST;
use dunnock_tests::proxy::Proxy;
use dunnock_tests::report;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::{Duration, Instant};

const NAME: &str = "tor::closed::with_a_route_chosen_not_one_packet_leaves_outside_of_it";

/// `step`, `silence`, `answer`, `back_off`: what is dead is given up soon and tried again often.
const LIMITS: &str = "3000,4000,3000,1000";
/// Longer than `silence` and `answer` together.
const SLEEP: Duration = Duration::from_secs(9);

#[test]
fn with_a_route_chosen_not_one_packet_leaves_outside_of_it() {
    if !alone::is_inside() {
        return alone::run_inside(NAME);
    }
    let mut world = World::new();
    world.accounts(&["juliet", "romeo", "benvolio"]);
    let allowed: Vec<u16> = world.net.relay_ports().into_iter().chain([world.net.socks]).collect();
    alone::count_all_but(&allowed);
    let controls = controls(&world);

    let (inside, behind) = (nobody("inside", &world), nobody("behind", &world));
    let gates = [world.gate(), world.gate()];
    let (her, him) = (world.server.jid("juliet"), world.server.jid("romeo"));
    let logged = |device: &Device| device.rpc_with(&["--log", &device.beside("log").to_string_lossy()]);
    let (mut juliet, mut romeo) = (logged(&inside), logged(&behind));
    for (rpc, user, route, gate) in
        [(&mut juliet, "juliet", "tor".to_owned(), &gates[0]), (&mut romeo, "romeo", world.socks(), &gates[1])]
    {
        comes_online(rpc, &world, user, account(&world, user, &route, gate));
    }
    juliet.tells(&her, &him, "over both", &romeo);
    romeo.tells(&him, &her, "and back", &juliet);
    none_outside("login and talk");

    for (gate, rpc) in gates.iter().zip([&juliet, &romeo]) {
        rpc.events("connection");
        gate.cut();
        rpc.event("connection", "online again", |event| event["state"] == "online");
    }
    juliet.tells(&her, &him, "after a cut", &romeo);
    none_outside("reconnect");

    a_process_sleeps(&mut juliet, &gates[0], (&mut romeo, &him, &her));
    none_outside("sleep");
    let told = a_route_is_left(&world, &gates[0], (&mut juliet, &her));

    // The proxy goes under a session, then all of Tor.
    for rpc in [&juliet, &romeo] {
        rpc.events("connection");
    }
    world.net.kill_client();
    fails_again_and_again(&romeo, &behind, &["proxy_unreachable"]);
    let waiting = romeo.says(&him, &her, "from nowhere");
    world.net.kill();
    fails_again_and_again(&juliet, &inside, &["tor_unreachable", "timed_out", "unreachable", "disconnected"]);
    let rows = romeo.timeline(&him, &her);
    assert_eq!(rows.last().map(|row| (&row["message"], &row["state"])), Some((&json!(waiting), &json!("waiting"))));
    let counted = alone::counted();
    assert_eq!((counted["names"], counted["other"]), (0, 0), "after Tor's death: {counted:?}");
    assert_eq!((juliet.close(), romeo.close()), (Some(0), Some(0)));
    none_outside_now("the end");
    report::note(&format!("0 packets outside of the route; as controls were counted {controls}"));
    report::note(&format!("leaving the direct route: {told}"));
}

/// Stopped for longer than any keepalive, its connection gone meanwhile: it comes back the same way, and hears what was said.
fn a_process_sleeps(sleeper: &mut Rpc, gate: &Proxy, (other, him, her): (&mut Rpc, &str, &str)) {
    sleeper.events("connection");
    sleeper.process().process().signal(Signal::STOP);
    gate.cut();
    other.says(him, her, "while you slept");
    let end = Instant::now() + SLEEP;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        // What is stopped tells nobody how its time-outs are: here the time itself is waited for.
        std::thread::park_timeout(left);
    }
    sleeper.process().process().signal(Signal::CONT);
    sleeper.event("connection", "online again", |event| event["state"] == "online");
    sleeper.sees("while you slept");
    let rows = sleeper.timeline(her, him);
    assert_eq!(rows.iter().filter(|row| row["text"] == "while you slept").count(), 1);
}

/// From the direct route to Tor in the midst of a talk: nothing is said the old way any more, no goodbye either, and nothing is
/// lost. What was counted is answered.
fn a_route_is_left(world: &World, far: &Proxy, (juliet, her): (&mut Rpc, &str)) -> String {
    let (device, near, his) = (nobody("mover", world), world.gate(), world.server.jid("benvolio"));
    alone::let_through(near.port());
    let mut mover = device.rpc();
    let mut straight = account(world, "benvolio", "direct", &near);
    straight["host"] = "127.0.0.1".into();
    comes_online(&mut mover, world, "benvolio", straight);
    mover.tells(&his, her, "in the open", juliet);
    juliet.tells(her, &his, "as always", &mover);
    let counted = alone::counted();
    assert!(counted["words"] > 0 && counted["other"] == 0, "the direct way is not counted: {counted:?}");

    mover.events("connection");
    mover.says(&his, her, "let us step aside");
    let change = json!({ "account": his, "route": "tor", "host": HOST, "port": far.port() });
    mover.ok("account.update", change);
    // What went before the commit may still be among these; what ended is not.
    let during = alone::counted();
    juliet.says(her, &his, "where are you?");
    mover.event("connection", "online again", |event| event["state"] == "online");
    for (rpc, account, chat, text) in
        [(&mut *juliet, her, &*his, "let us step aside"), (&mut mover, &his, her, "where are you?")]
    {
        rpc.sees(text);
        assert_eq!(rpc.timeline(account, chat).iter().filter(|row| row["text"] == text).count(), 1, "{text}");
    }
    let counted = alone::counted();
    assert_eq!(near.connections(), 1);
    let (words, ends, resets) =
        (counted["words"], during["ends"] + counted["ends"], during["resets"] + counted["resets"]);
    let outside = counted["names"] + counted["other"];
    assert_eq!((words, ends, outside), (0, 0, 0), "after the change: {counted:?}");
    assert!(resets > 0, "the old stream was not cut: {counted:?}");
    assert_eq!(mover.close(), Some(0));
    format!("after the answer 0 packets with anything in them, {} without", counted["bare"] + counted["resets"])
}

/// The parameters of `account.add`, for a process that cannot read what belongs to root.
fn account(world: &World, user: &str, route: &str, gate: &Proxy) -> Value {
    let mut account = world.account(user, route, Some(gate));
    account["ca"] = std::fs::read_to_string(world.server.ca()).unwrap().into();
    account
}

fn comes_online(rpc: &mut Rpc, world: &World, user: &str, account: Value) {
    rpc.ok("account.add", account);
    rpc.connect(&world.server.jid(user));
    world.server.wait_until_reachable(user);
}

/// What must be counted, or the proof would prove nothing: each way out, tried on the direct route.
fn controls(world: &World) -> String {
    let device = nobody("control", world);
    let gate = world.gate();
    let mut told = Vec::new();
    let mut ways =
        vec![("tcp", "127.0.0.1", "other"), ("names", HOST, "names"), ("routed IPv4", "203.0.113.77", "other")];
    if alone::has_v6() {
        ways.push(("routed IPv6", "2001:db8::7", "other"));
    } else {
        report::note("no IPv6 here: its control is left out");
    }
    for (what, host, counter) in ways {
        let mut rpc = device.rpc();
        let mut account = world.account("juliet", "direct", Some(&gate));
        account["host"] = host.into();
        account["ca"] = Value::Null;
        rpc.ok("account.add", account);
        rpc.ok("account.connect", json!({ "account": world.server.jid("juliet") }));
        rpc.event("connection", "a failure", |event| event["error"].is_string());
        rpc.ok("account.remove", json!({ "account": world.server.jid("juliet") }));
        assert_eq!(rpc.close(), Some(0));
        let counted = alone::counted();
        assert!(counted[counter] > 0, "{what} is not counted: {counted:?}");
        told.push(format!("{what} {}", counted[counter]));
    }
    assert_eq!(gate.connections(), 0);
    told.join(", ")
}

/// A device whose processes run as nobody.
fn nobody(name: &str, world: &World) -> Device {
    let mut device = Device::new(name);
    let program = device.beside("dunnock");
    std::fs::copy(environment::dunnock(), &program).unwrap();
    let (user, shown) = (alone::USER, program.display());
    let drop = format!("#!/bin/sh\nexec setpriv --reuid {user} --regid {user} --clear-groups '{shown}' \"$@\"\n");
    let starter = device.write("start", &drop);
    std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755)).unwrap();
    let network = device.write("arti.json", &std::fs::read_to_string(world.net.for_arti()).unwrap());
    device.set("DUNNOCK_TOR_NETWORK", &network.to_string_lossy());
    device.set("DUNNOCK_LIMITS", LIMITS);
    let folder = program.parent().unwrap();
    chown(folder, Some(user), Some(user)).unwrap();
    device.started_by(starter);
    device
}

fn none_outside(when: &str) {
    let counted = alone::counted();
    assert_eq!((counted["names"], counted["other"]), (0, 0), "{when}: {counted:?}");
    assert!(counted["way"] > 0, "{when}: nothing was seen at all: {counted:?}");
}

fn none_outside_now(when: &str) {
    let counted = alone::counted();
    assert_eq!((counted["names"], counted["other"]), (0, 0), "{when}: {counted:?}");
}

/// Waits until it has failed by one of these kinds, and then three times more; it may not be online in between.
fn fails_again_and_again(rpc: &Rpc, device: &Device, kinds: &[&str]) {
    rpc.event("connection", &format!("{kinds:?}"), |event| {
        assert_ne!(event["state"], "online", "online without a way: {event}");
        event["error"].as_str().is_some_and(|kind| kinds.contains(&kind))
    });
    let ended = || std::fs::read_to_string(device.beside("log")).unwrap_or_default().matches("stream ended").count();
    let (before, end) = (ended(), Instant::now() + PATIENCE);
    while ended() < before + 3 {
        assert!(Instant::now() < end, "it does not try again");
        // A file tells no one that it grew; this pause decides nothing.
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert!(rpc.events("connection").iter().all(|event| event["state"] != "online"));
}
