//! Ways that lead nowhere: each is told for what it is, nothing else is tried, and nothing stays.

use super::World;
use dunnock_tests::commands::Refusal;
use dunnock_tests::dunnock::Device;
use dunnock_tests::names::HOST;
use dunnock_tests::prosody::Prosody;
use dunnock_tests::proxy::Proxy;
use dunnock_tests::tor_config;
use std::net::TcpListener;

/// What `login` says of this host by this route. The password and the server are right.
fn refused(device: &Device, server: &Prosody, route: &str, host: &str, port: u16) -> Refusal {
    let (file, ca) = (device.write("password", Prosody::PASSWORD), server.ca().to_string_lossy().into_owned());
    let (file, port, jid) = (file.to_string_lossy(), port.to_string(), server.jid("juliet"));
    let words = ["login", &jid, "--host", host, "--port", &port, "--tls", "starttls", "--ca", &ca, "--route", route];
    let refusal = device.json(&[&words[..], &["--password-file", &file, "--timeout", "55"]].concat()).refused();
    assert!(device.rows(&["accounts"]).is_empty(), "a refused account stays");
    refusal
}

/// An address of the right form with nobody behind it: its key is on the curve, its checksum right.
const NOBODY: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

#[test]
fn an_onion_address_with_nobody_behind_it_is_named() {
    let world = World::shared();
    world.accounts(&["juliet"]);
    for route in ["tor".to_owned(), world.socks()] {
        for (host, wrong) in [(NOBODY, false), (&format!("{}.onion", "a".repeat(56)), true)] {
            let refusal = refused(&world.device("juliet"), &world.server, &route, host, 5222);
            let wrong = wrong && refusal.kind == "route_refused";
            assert!(refusal.kind == "onion_unreachable" || wrong, "{route} {host} {refusal:?}");
            assert_eq!(refusal.subject, format!("{host}:5222"));
        }
    }
}

#[test]
fn a_name_that_nobody_knows_is_asked_at_the_far_end_only() {
    let world = World::shared();
    for route in ["tor".to_owned(), world.socks()] {
        let refusal = refused(&world.device("juliet"), &world.server, &route, "nowhere.verona.test", 5222);
        assert!(["unknown_host", "unreachable"].contains(&refusal.kind.as_str()), "{route} {refusal:?}");
    }
    assert!(world.net.names.asked().iter().any(|name| name == "nowhere.verona.test"));
}

#[test]
fn an_onion_address_on_the_direct_route_is_refused_without_a_packet() {
    let server = Prosody::with_accounts(&["juliet"]);
    let refusal = refused(&Device::new("juliet"), &server, "direct", NOBODY, 5222);
    assert_eq!(refusal.kind, "onion_needs_tor");
}

#[test]
fn a_closed_proxy_and_one_that_is_none_are_told_apart_and_the_server_is_not_tried() {
    let server = Prosody::with_accounts(&["juliet"]);
    let near = Proxy::before(server.port());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let device = Device::new("juliet");
    for (port, kind) in [(closed, "proxy_unreachable"), (server.tls_port(), "not_socks"), (server.port(), "not_socks")]
    {
        let route = format!("socks5://127.0.0.1:{port}");
        let refusal = refused(&device, &server, &route, "127.0.0.1", near.port());
        assert_eq!((refusal.kind.as_str(), refusal.subject.as_str()), (kind, route.as_str()));
    }
    assert_eq!(near.connections(), 0);
}

#[test]
fn a_tor_network_that_is_dead_is_given_up_with_a_reason_and_the_server_is_not_tried() {
    let server = Prosody::with_accounts(&["juliet"]);
    let near = Proxy::before(server.port());
    let mut device = Device::new("juliet");
    let network = device.write("arti.json", &tor_config::dead().to_string());
    device.set("DUNNOCK_TOR_NETWORK", &network.to_string_lossy());
    // A step of two seconds: a dead network says nothing, so only our patience ends this.
    device.set("DUNNOCK_LIMITS", "2000,20000,20000,60000");
    let refusal = refused(&device, &server, "tor", HOST, near.port());
    assert_eq!((refusal.kind.as_str(), refusal.subject.as_str()), ("tor_unreachable", "Tor"));
    assert_eq!(near.connections(), 0);
}
