//! What saying something in a large room costs the brain: from the command to the commit, in one transaction.

use crate::command::{Command, Tls};
use crate::engine::{Engine, Input, Now, Rng};
use crate::error::Result;
use crate::model::{Proof, RoomState, Trust};
use crate::store::account::NewRow;
use crate::store::device::DeviceRow;
use crate::store::member::MemberRow;
use crate::store::room::RoomRow;
use crate::store::{Home, Store, StoreKey, Tx};
use crate::wire::Bound;
use dunnock_omemo::{Bundle, Identity, Session, Version, generate_pre_keys, sign_pre_key};
use rand::{Rng as _, SeedableRng as _};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::Duration;

const US: &str = "juliet@capulet.example";
const ROOM: &str = "verona@rooms.example";
/// Each third member has nothing newer than version 0.3.
const OLD: u32 = 3;

/// What one message came to.
pub struct Said {
    /// CPU time of the thread, from the command to the end of the commit.
    pub cpu: Duration,
    /// The stanza, bytes.
    pub bytes: usize,
    /// Devices that it was encrypted to.
    pub reached: u32,
}

/// Says so many messages in a room of `members` members with `devices` devices each, whose sessions are all in place and not
/// yet answered: each message still carries its key exchange, which is the larger form. The store is made in `folder`.
pub fn say_in_room(folder: &Path, members: u32, devices: u32, times: u32) -> Result<Vec<Said>> {
    let key = StoreKey::from_bytes([7; 32]);
    let row = NewRow {
        jid: US,
        password: "",
        keep_password: false,
        host: None,
        port: None,
        tls: Tls::Auto,
        ca: None,
        route: &crate::Route::Direct,
        user_agent: "u",
        device: 1,
        identity: &[9; 32],
        now: 0,
    };
    let home = Home::open(folder, &key)?;
    let made = home.build(&key, |store| {
        let tx = store.tx()?;
        tx.create_account(&row)?;
        tx.set_published()?;
        tx.commit().map(drop)
    })?;
    let mut store = Store::open(&made.database(), &key)?;
    let mut rng = Rng::seed_from_u64(7);
    let now = Now { wall: 1_000_000, boot: 1_000_000 };
    let tx = store.tx()?;
    let mut engine = Engine::open(&tx, now, &mut rng)?;
    let jid = format!("{US}/r").parse().map_err(|_| crate::ErrorKind::Internal)?;
    engine.handle(
        &tx,
        now,
        &mut rng,
        Input::Online(Bound { jid, resumed: false, resumable: None, carbons: true, proof: Proof::Proved }),
    )?;
    people(&tx, members, devices, &mut rng)?;
    tx.commit()?;
    // What the new stream asks of servers goes out with the first, which does not count.
    let mut said: Vec<Said> = Vec::new();
    for number in 0..=times {
        said.push(say(&mut store, &mut engine, now, &mut rng, number)?);
    }
    said.remove(0);
    Ok(said)
}

/// The room, its members and their devices, as after a stream on which all was asked and answered.
fn people(tx: &Tx, members: u32, devices: u32, rng: &mut Rng) -> Result<()> {
    let stream = tx.account()?.stream;
    for archive in [US, ROOM] {
        tx.set_cursor(archive, Some("one"), 0)?;
        tx.set_complete(archive, stream)?;
    }
    tx.put_room(&RoomRow { wanted: true, state: RoomState::Joined, stream, ..RoomRow::unknown(ROOM, "juliet") })?;
    let confirm = |jid: &str| -> Result<()> {
        for version in [Version::V2, Version::V03] {
            tx.confirm_device_list(jid, version, stream, 0)?;
        }
        Ok(())
    };
    confirm(US)?;
    tx.put_member(ROOM, &MemberRow::admitted(US, "owner", 0))?;
    let us = Identity::from_seed(&[9; 32]);
    for member in 0..members {
        let jid = format!("member{member}@verona.example");
        confirm(&jid)?;
        tx.put_member(ROOM, &MemberRow::admitted(&jid, "member", 0))?;
        for device in 1..=devices {
            let version = if device % OLD == 0 { Version::V03 } else { Version::V2 };
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            let them = Identity::from_seed(&seed);
            let signed = sign_pre_key(version, &them, 1, rng);
            let bundle = Bundle::new(&them, &signed, &generate_pre_keys(rng, 1, 1));
            let session = Session::initiate(version, &us, &bundle, rng).map_err(|_| crate::ErrorKind::Internal)?;
            let new = version == Version::V2;
            tx.put_device(&DeviceRow {
                identity: Some(them.public().montgomery()),
                signing: them.public().ed25519().filter(|_| new),
                trust: Trust::FirstUse,
                listed03: !new,
                listed2: new,
                ever2: new,
                ..DeviceRow::unknown(&jid, device)
            })?;
            tx.insert_session(&jid, device, &session)?;
        }
    }
    Ok(())
}

fn say(store: &mut Store, engine: &mut Engine, now: Now, rng: &mut Rng, number: u32) -> Result<Said> {
    let began = thread_time();
    let tx = store.tx()?;
    let text = format!("word {number}");
    let command = Command::Send { to: ROOM.into(), text, reply_to: None, origin_id: None };
    engine.command(&tx, now, rng, command)?;
    engine.pump(&tx, now, rng)?;
    let out = tx.outgoing_after(0, 1_000)?;
    tx.commit()?;
    let cpu = thread_time() - began;
    let stanza = out.iter().rfind(|(_, bytes)| bytes.starts_with(b"<message"));
    let text = stanza.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let last = out.last().map_or(0, |(token, _)| *token);
    let tx = store.tx()?;
    engine.handle(&tx, now, rng, Input::Acked { token: last, h: None })?;
    tx.commit()?;
    Ok(Said { cpu, bytes: text.len(), reached: text.matches("rid=").count() as u32 })
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
