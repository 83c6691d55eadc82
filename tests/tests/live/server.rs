//! Stories that need a server and no client but ours.

mod bad_input;
mod beside;
mod canaries;
mod catchup;
mod contract;
mod corpus;
mod devices;
mod faults;
mod hostile;
mod kills;
mod middle;
mod network;
pub(crate) mod payloads;
mod power;
mod restarts;
pub(crate) mod resume;
mod secrets;
mod stories;
mod trust;
pub(crate) mod ways;

use dunnock_tests::prosody::{Archive, Mechanisms, Prosody, Settings};
use std::net::TcpStream;

#[test]
fn a_server_keeps_its_ports_over_a_restart_and_a_kill() {
    let mut server = Prosody::start(Settings::default());
    let port = server.port();
    server.stop();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.start_again();
    server.kill();
    server.start_again();
    assert_eq!(server.port(), port);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[test]
fn every_kind_of_server_starts_without_a_complaint() {
    let kinds = [
        Settings::stock(),
        Settings { archive: Archive::Off, smacks: false, ..Settings::default() },
        Settings { mechanisms: Mechanisms::ScramSha1Only, tls12_only: true, sasl2: false, ..Settings::default() },
        Settings { mechanisms: Mechanisms::PlainOnly, archive: Archive::Internal, ..Settings::default() },
    ];
    for settings in kinds {
        let server = Prosody::start(settings.clone());
        let log = server.log();
        let complaint = log.lines().find(|line| line.contains("\terror\t"));
        assert_eq!(complaint, None, "{settings:?}");
    }
}
