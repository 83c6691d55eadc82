//! The whole promise: ourselves on two devices, another of ours, two clients that are not ours, both versions, people who
//! come and go. All that was said is readable by all, once.

use super::*;
use dunnock_tests::ejabberd::{Ejabberd, Storage};
use dunnock_tests::peer::{Peer, Version};
use std::collections::BTreeMap;

/// How much is said.
const WORDS: usize = 300;

struct Crowd<'a, S: Server> {
    server: &'a S,
    room: String,
    /// Our own people: juliet twice, and tybalt.
    ours: Vec<(Person, &'static str)>,
    /// Romeo speaks 0.3 alone, the nurse both.
    peers: Vec<(Peer, Version, Vec<String>)>,
    said: Vec<String>,
}

impl<'a, S: Server> Crowd<'a, S> {
    fn gather(server: &'a S, devices: Vec<(Device, &'static str)>) -> Self {
        let room = room("verona");
        let mut ours: Vec<(Person, &'static str)> =
            devices.into_iter().map(|(device, user)| (Person::with(server, device, user), user)).collect();
        let juliet = ours[0].0.jid.clone();
        // The second device is new to the first.
        ours[0].0.rpc.trusts(&juliet, &juliet);
        // It follows into the room while the first asks the others in, and takes its word for them.
        let (balcony, tomb) = ours.split_at_mut(1);
        tomb[0].0.verifies(&mut balcony[0].0);
        let romeo = Peer::start_with(server, "romeo", &[Version::V03]);
        let nurse = Peer::start(server, "nurse");
        ours[0].0.creates(&room);
        for jid in [ours[2].0.jid.clone(), romeo.jid().to_owned(), nurse.jid().to_owned()] {
            ours[0].0.invites(&room, &jid);
        }
        // The second device follows the bookmark.
        ours[1].0.is(&room, "joined");
        ours[2].0.joins(&room);
        let mut peers = vec![(romeo, Version::V03, Vec::new()), (nurse, Version::V2, Vec::new())];
        for (peer, _, _) in &mut peers {
            peer.joins(&room);
        }
        Crowd { server, room, ours, peers, said: Vec::new() }
    }

    fn next(&mut self) -> String {
        let text = format!("word {}", self.said.len());
        self.said.push(text.clone());
        text
    }

    fn speaks(&mut self, speaker: usize) {
        let text = self.next();
        match speaker.checked_sub(self.ours.len()) {
            None => self.ours[speaker].0.says(&self.room, &text),
            Some(peer) => {
                let (peer, version, _) = &mut self.peers[peer];
                peer.says_in(&self.room, &text, *version);
            }
        }
    }

    fn all_speak(&mut self, rounds: usize, without: &[usize]) {
        for _ in 0..rounds {
            for speaker in (0..5).filter(|speaker| !without.contains(speaker)) {
                self.speaks(speaker);
            }
        }
    }

    fn closes(&mut self, who: usize) {
        let rpc = std::mem::replace(&mut self.ours[who].0.rpc, Device::new("nobody").rpc());
        assert_eq!(rpc.close(), Some(0));
    }

    fn kills(&mut self, who: usize) {
        let rpc = std::mem::replace(&mut self.ours[who].0.rpc, Device::new("nobody").rpc());
        rpc.kill();
    }

    fn returns(&mut self, who: usize) {
        let (person, user) = &mut self.ours[who];
        person.rpc = online(&person.device, self.server, user);
        person.is_inside(&self.room);
    }

    /// What a peer has read so far.
    fn hear(&mut self) {
        for (peer, _, heard) in &mut self.peers {
            heard.extend(peer.events("message").iter().filter_map(|event| Some(event["body"].as_str()?.to_owned())));
            let unreadable = peer.events("unreadable");
            assert!(unreadable.is_empty(), "{unreadable:?}");
        }
    }

    /// The last word was heard by all, and nothing is missing or doubled.
    fn all_heard_all(mut self) {
        self.speaks(0);
        let last = self.said.last().unwrap().clone();
        for (person, _) in &mut self.ours[1..] {
            person.rpc.event("message", &last, |event| event["text"] == *last);
        }
        for (peer, _, heard) in &mut self.peers {
            peer.sees(&last);
            heard.push(last.clone());
        }
        self.hear();
        let mut wanted = self.said.clone();
        wanted.sort();
        for (person, user) in &mut self.ours {
            let mut texts = person.texts(&self.room);
            texts.sort();
            assert_eq!(differences(&wanted, &texts), BTreeMap::new(), "{user}");
        }
        let juliet = self.ours[0].0.jid.clone();
        let rows = self.ours[0].0.rpc.timeline(&juliet, &self.room);
        for (peer, _, heard) in &self.peers {
            // What it said itself it does not hear.
            let said = rows.iter().filter(|row| row["from"] == *peer.jid()).filter_map(|row| row["text"].as_str());
            let mut heard: Vec<String> = heard.iter().cloned().chain(said.map(str::to_owned)).collect();
            heard.sort();
            assert_eq!(differences(&wanted, &heard), BTreeMap::new(), "{}", peer.jid());
        }
        for (person, user) in self.ours {
            assert_eq!(person.rpc.close(), Some(0), "{user}");
        }
    }
}

/// How often each text differs between the two.
fn differences(wanted: &[String], texts: &[String]) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for text in wanted {
        *counts.entry(text.clone()).or_default() -= 1;
    }
    for text in texts {
        *counts.entry(text.clone()).or_default() += 1;
    }
    counts.retain(|_, count| *count != 0);
    counts
}

fn all_is_readable_by_all(server: &impl Server, devices: Vec<(Device, &'static str)>) {
    let mut crowd = Crowd::gather(server, devices);
    crowd.all_speak(6, &[]);
    crowd.closes(2);
    crowd.all_speak(6, &[2]);
    crowd.returns(2);
    crowd.all_speak(6, &[]);
    crowd.kills(1);
    crowd.all_speak(6, &[1]);
    crowd.returns(1);
    crowd.all_speak(4, &[]);
    // He goes out of the room but stays a member: what is said is for him too, when he comes again.
    let room = crowd.room.clone();
    let leave = crowd.ours[2].0.of(&room, &[]);
    crowd.ours[2].0.rpc.ok("room.leave", leave);
    crowd.ours[2].0.is(&room, "left");
    crowd.all_speak(6, &[2]);
    crowd.ours[2].0.joins(&room);
    crowd.kills(0);
    crowd.all_speak(6, &[0]);
    crowd.returns(0);
    crowd.hear();
    crowd.peers[0].0.command(json!({ "do": "leave", "room": room }));
    crowd.all_speak(5, &[3]);
    crowd.peers[0].0.joins(&room);
    crowd.peers[0].0.command(json!({ "do": "room_history", "room": room }));
    while crowd.said.len() < WORDS - 1 {
        crowd.speaks(crowd.said.len() % 5);
    }
    crowd.all_heard_all();
}

#[test]
fn all_is_readable_by_all_with_prosody() {
    let server = server(&["juliet", "tybalt", "romeo", "nurse"]);
    let devices =
        vec![(Device::new("balcony"), "juliet"), (Device::new("tomb"), "juliet"), (Device::new("street"), "tybalt")];
    all_is_readable_by_all(&server, devices);
}

#[test]
fn all_is_readable_by_all_with_ejabberd() {
    let server = Ejabberd::start(Storage::Mnesia);
    let (balcony, street) = (server.registered("juliet"), server.registered("tybalt"));
    for peer in ["romeo", "nurse"] {
        // The device that made the account is never seen again.
        drop(server.registered(peer));
    }
    let tomb = Device::logged_in("tomb", &server, "juliet");
    all_is_readable_by_all(&server, vec![(balcony, "juliet"), (tomb, "juliet"), (street, "tybalt")]);
}
