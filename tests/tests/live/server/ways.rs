//! The ways in which a login goes or does not, as a table for each server.

use super::resume::Person;
use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::Device;
use dunnock_tests::ejabberd::Ejabberd;
use dunnock_tests::middle::matrix::connects;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::report;
use dunnock_tests::server::{PASSWORD, Server};
use serde_json::json;

/// A server whose administrator gives an account a password.
pub(crate) trait Administered: Server {
    /// Whatever it was; the salt is another one in any case.
    fn set_password(&mut self, user: &str, password: &str);
}

impl Administered for Prosody {
    fn set_password(&mut self, user: &str, password: &str) {
        self.account(user, password);
    }
}

impl Administered for Ejabberd {
    fn set_password(&mut self, user: &str, password: &str) {
        self.stop();
        self.password(user, password);
        self.start_again();
    }
}

/// Goes through them all with an account that is there, and prints what they came to.
pub(crate) fn table(name: &str, server: &mut impl Administered) {
    let told = |way: &str, outcome: &str| report::note(&format!("{name:<16} {way:<18} {outcome}"));
    let mut person = Person::online(server, "juliet");
    let jid = person.jid.clone();
    let connection = |person: &mut Person| {
        let rows = person.rpc.ok("account.list", json!({}));
        rows[0]["connection"]["proof"].as_str().unwrap_or("?").to_owned()
    };
    told("login", &format!("online, {}", connection(&mut person)));

    person.rpc.ok("account.disconnect", json!({ "account": jid }));
    person.rpc.event("connection", "offline", |event| event["state"] == "offline");
    let again = connects(&mut person.rpc, &jid);
    assert!(again.starts_with("online"), "{again}");
    told("login again", &again);

    person.dies_and_returns();
    assert_eq!(person.resumed(), 1);
    told("killed", "resumed");

    let refusal = Device::new("stranger").login(&jid, "Wherefore art thou 8?", Place::of(server)).refused();
    assert_eq!(refusal.kind, "wrong_password");
    told("wrong password", &refusal.kind);

    let other = "What's in a name 9?";
    // The second time it is the same password, with another salt.
    for (way, expected) in [("changed password", "wrong_password"), ("changed salt", "password_needed")] {
        person.rpc.ok("account.disconnect", json!({ "account": jid }));
        person.rpc.event("connection", "offline", |event| event["state"] == "offline");
        server.set_password("juliet", other);
        let first = connects(&mut person.rpc, &jid);
        let mut outcome = first.clone();
        if !first.starts_with("online") {
            // What was made from the password is of no use any more; or it is another password.
            assert!([expected, "password_needed"].contains(&first.as_str()), "{way}: {first}");
            person.rpc.ok("account.update", json!({ "account": jid, "password": other }));
            let then = connects(&mut person.rpc, &jid);
            assert!(then.starts_with("online"), "{way}: {then}");
            outcome = format!("{first}; given again: {then}");
        }
        told(way, &outcome);
    }
    assert_eq!(person.rpc.close(), Some(0));
}

#[test]
fn logins_go_as_they_should() {
    let mut server = Prosody::start(Settings::default());
    server.account("juliet", PASSWORD);
    let name = format!("Prosody {}", if server.is_13() { "13" } else { "0.12" });
    table(&name, &mut server);
}
