//! Plain types that the screens see. Public fields, no behaviour, no Debug where something personal is inside.
//!
//! They serialise to the shapes of the command line and the RPC: the same names in rows, events and results.

mod event;

pub use event::Event;
pub use room::{Admission, Member, Room, RoomState};

use serde::{Serialize, Serializer};
use std::fmt;

/// A point in time: milliseconds since 1970-01-01 UTC. Serialises as RFC 3339 with milliseconds (`2026-11-22T03:33:00.000Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Reads an RFC 3339 or XEP-0082 time stamp; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Time> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| Time(t.timestamp_millis()))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = chrono::DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Enums that are stored as small numbers, ordered, and named in snake case on the border.
macro_rules! levels {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant = $number,)* }
        impl $name {
            /// The name on the border, in snake case.
            pub fn code(self) -> &'static str { match self { $($name::$variant => $code,)* } }
            /// The level of this number in the store, if it is one.
            pub fn from_number(number: i64) -> Option<Self> { match number { $($number => Some($name::$variant),)* _ => None } }
            /// The level of this name, if it is one.
            pub fn from_code(code: &str) -> Option<Self> { match code { $($code => Some($name::$variant),)* _ => None } }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.code()) }
        }
    };
}

// After the macro that it uses.
mod room;

levels! {
    /// How much of a message was sealed.
    Sealing {
        /// Nothing: plain text.
        None = 0 "none",
        /// The text (OMEMO 0.3).
        Content = 1 "content",
        /// All of it (OMEMO 2 with XEP-0420).
        Full = 2 "full",
    }
}

levels! {
    /// What became of a message of ours. It only climbs.
    Delivery {
        /// In the store, not encrypted yet.
        Waiting = 0 "waiting",
        /// Encrypted and handed to the stream.
        Sending = 1 "sending",
        /// The server has it.
        Sent = 2 "sent",
        /// It was refused; a receipt may still come.
        Failed = 3 "failed",
        /// A device of the recipient has it (XEP-0184).
        Delivered = 4 "delivered",
        /// It was displayed (XEP-0333).
        Displayed = 5 "displayed",
    }
}

levels! {
    /// What we think of a device's key.
    Trust {
        /// It gets nothing until a person decides.
        Undecided = 0 "undecided",
        /// It was in the first complete list that we saw.
        FirstUse = 1 "first_use",
        /// A verified device of the same person vouched for it.
        Vouched = 2 "vouched",
        /// A person compared the fingerprint.
        Verified = 3 "verified",
        /// A person rejected it: nothing is encrypted to it.
        Distrusted = 4 "distrusted",
    }
}

levels! {
    /// The state of an account's connection.
    State {
        /// Not connected.
        Offline = 0 "offline",
        /// On the way, or waiting to try again.
        Connecting = 1 "connecting",
        /// Logged in.
        Online = 2 "online",
        /// Refused; not tried again until a person acts.
        Refused = 3 "refused",
        /// The server is not who it was; nothing is sent.
        Contradiction = 4 "contradiction",
    }
}

levels! {
    /// How far the push of an account is.
    PushState {
        /// None is wanted.
        Off = 0 "off",
        /// The app server has not answered yet where to publish.
        Registering = 1 "registering",
        /// Our server has not agreed yet to publish there.
        Enabling = 2 "enabling",
        /// Pushes come.
        Enabled = 3 "enabled",
        /// None is wanted, but others have not all been told.
        Disabling = 4 "disabling",
    }
}

/// What a login proved about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The login was bound to the TLS channel (SCRAM-PLUS).
    Proved,
    /// The key is the one pinned by an earlier proof.
    Pinned,
    /// Only the certificate speaks for it.
    FirstUse,
}

/// How Tor inside of this process stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TorStatus {
    /// Whether it can be used.
    pub state: TorState,
    /// How far its start is, 0 to 100.
    pub percent: u8,
    /// Why it gets no further, if it seems stuck: `offline`, `filtered`, `clock`, `directory`, `silent` or `unknown`.
    pub blocked: Option<String>,
}

/// Whether Tor can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TorState {
    /// Nobody needed it yet.
    Off,
    /// It finds its way into its network.
    Starting,
    /// It carries streams.
    Ready,
}

/// One line of the chat list.
#[derive(Clone, PartialEq, Serialize)]
pub struct ChatItem {
    /// The other side's bare JID.
    pub chat: String,
    /// The name that a person gave it, kept only here.
    pub name: Option<String>,
    /// How many messages are not read.
    pub unread: u32,
    /// The newest row.
    pub last: Option<TimelineItem>,
    /// The level the next message gets.
    pub sealed: Sealing,
    /// Whether plain text is allowed here.
    pub plain_allowed: bool,
    /// Whether it is a group.
    pub room: bool,
    /// Whether the other side is typing now.
    pub typing: bool,
    /// Whether what OMEMO 0.3 cannot seal may go in clear here.
    pub extras_allowed: bool,
}

/// One row of a chat.
#[derive(Clone, PartialEq, Serialize)]
pub struct TimelineItem {
    /// The local id, stable for this store.
    pub message: String,
    /// The chat's bare JID.
    pub chat: String,
    /// The sender's id of it (XEP-0359), where there is one.
    pub origin_id: Option<String>,
    /// Our archive's id of it (XEP-0359), once known.
    pub stanza_id: Option<String>,
    /// The sender's bare JID.
    pub from: String,
    /// The text; none if unreadable.
    pub text: Option<String>,
    /// How it was sealed.
    pub sealed: Sealing,
    /// The sending OMEMO device.
    pub device: Option<u32>,
    /// Trust in that device when it was received.
    pub trust: Option<Trust>,
    /// When it was sent, as far as known.
    pub time: Time,
    /// Whether it is ours, from this or another own device.
    pub own: bool,
    /// What became of it, if ours.
    pub state: Option<Delivery>,
    /// The devices it was encrypted to, if ours and handed.
    pub devices: Option<Reach>,
    /// The kind of failure, or why it waits.
    pub error: Option<String>,
    /// Why it cannot be read.
    pub reason: Option<String>,
    /// The message it answers (its local id), if any.
    pub reply_to: Option<String>,
    /// When its text was last corrected; it shows the newest.
    pub edited: Option<Time>,
    /// When its sender took it back; its text is gone.
    pub retracted: Option<Time>,
    /// When its sender claims to have sent it, where the servers' time says otherwise. Not to be trusted.
    pub claimed: Option<Time>,
    /// What people think of it, the emoji said first first.
    pub reactions: Vec<Reaction>,
}

/// An emoji at a message (XEP-0444).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Bare JIDs of those who think so.
    pub from: Vec<String>,
}

/// How many of the recipient's devices a message was encrypted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Encrypted to.
    pub reached: u32,
    /// Known.
    pub known: u32,
}

/// A person in the contact list.
#[derive(Clone, PartialEq, Serialize)]
pub struct Contact {
    /// The bare JID.
    pub jid: String,
    /// The name that a person gave, kept only here.
    pub name: Option<String>,
    /// RFC 6121: `none`, `to`, `from`, `both`.
    pub subscription: String,
    /// We asked and wait for the answer.
    pub asked: bool,
    /// They asked and wait for ours.
    pub requests: bool,
    /// Blocked (XEP-0191).
    pub blocked: bool,
    /// Whether a resource of theirs is online on this stream.
    pub online: bool,
}

/// A device that can read or write a chat.
#[derive(Clone, PartialEq, Serialize)]
pub struct DeviceView {
    /// The OMEMO device id.
    pub device: u32,
    /// The fingerprint in the form that other clients show: 64 hexadecimal digits of the Curve25519 key, the same in both
    /// versions (XEP-0384 section 8); empty until the key is known.
    pub fingerprint: String,
    /// The Ed25519 form of the key, which some clients of version 2 show instead; empty until it was seen in version 2.
    pub fingerprint_2: String,
    /// What we think of it.
    pub trust: Trust,
    /// The versions that its owner lists it under: `0.3`, `2`.
    pub versions: Vec<&'static str>,
    /// Whether it belongs to this account.
    pub own: bool,
    /// Whether it is the device that runs this program.
    pub current: bool,
}

/// What a person has to know of somebody's keys.
#[derive(Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// Its id, stable for this store.
    pub alarm: String,
    /// `quarantined`: a device appeared with a contact that was known before, and gets nothing until somebody decides.
    /// `own_unknown`: the same on our own list. `own_returned`: one of ours that was rejected is on it again. `own_keys`: the
    /// server shows other keys for this very device. `list_unreadable`: a list is too large to be read. `key_changed`: a device shows another key than before, which is refused.
    /// `other_list`: the owner's own device sees another device list than we are shown. `room_member`: somebody is a member of
    /// a room since after our first contact with it, and gets nothing that is said there until somebody decides.
    /// `server_contradicts`: a login did not fit what the account's own server proved before, and was given up; `fingerprint`
    /// is the key that was shown.
    pub what: String,
    /// Whose devices it is about, or who the member is.
    pub jid: String,
    /// Of which room they are a member.
    pub room: Option<String>,
    /// Which device, if it is one.
    pub device: Option<u32>,
    /// The key it is about, where known.
    pub fingerprint: String,
    /// When it was raised.
    pub time: Time,
    /// `accepted`, `rejected`, `dismissed`, or `settled` if it means nothing any more; none while it is open.
    pub answer: Option<String>,
}

/// Something that happened to the list of our own devices.
#[derive(Clone, PartialEq, Serialize)]
pub struct OwnDeviceEvent {
    /// When we saw it.
    pub time: Time,
    /// `appeared`, `gone`, `removed` (by a person here), `list_lost_us`, `list_emptied`, `published`, `restored` (this
    /// store went back to an older state, so all sessions ended).
    pub change: String,
    /// The version of the list, if it is about one: `0.3`, `2`.
    pub version: Option<&'static str>,
    /// The device, if it is about one.
    pub device: Option<u32>,
    /// Its key, where known.
    pub fingerprint: String,
}

/// The state of the connection.
#[derive(Clone, PartialEq, Serialize)]
pub struct Connection {
    /// Where it stands.
    pub state: State,
    /// What the login proved, while online.
    pub proof: Option<Proof>,
    /// Whether the server archives (XEP-0313), once known.
    pub archive: Option<bool>,
    /// Whether the stream can be resumed (XEP-0198), once known.
    pub resumable: Option<bool>,
    /// The kind of the last failure.
    pub error: Option<String>,
    /// What that is about, where the kind does not say it: what the server offers, or the number that it asks for.
    pub about: Option<String>,
    /// Whether the archive has been caught up with on this stream.
    pub caught_up: bool,
    /// How many archived messages this catch-up has handled.
    pub caught: u32,
}

/// What is remembered of an account's server. All but `changes` is empty before the first login over TLS.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Server {
    /// The key of its certificate at the last login.
    pub key: Option<ServerKey>,
    /// When that key was first met.
    pub since: Option<Time>,
    /// The version of TLS as XEP-0515 writes it: `0304` is 1.3.
    pub tls: String,
    /// How the best login was bound to its connection: `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929).
    pub binding: Option<String>,
    /// Whether it confirmed inside of a login what it offered (XEP-0474).
    pub confirms_offer: bool,
    /// The mechanism of the last login.
    pub mechanism: String,
    /// Since when the password itself may go to it (PLAIN), if a person allowed that.
    pub plain_login: Option<Time>,
    /// Since when it contradicts what it proved before, if it does: until a person accepts that, nothing is connected.
    pub contradiction: Option<Time>,
    /// What happened with its key, newest first, at most 50.
    pub changes: Vec<ServerChange>,
}

/// A key that a server showed.
#[derive(Clone, PartialEq, Serialize)]
pub struct ServerKey {
    /// SHA-256 of the public key (SubjectPublicKeyInfo), 64 hex digits.
    pub key: String,
    /// Who signed the certificate, as that says.
    pub issuer: String,
}

/// Something that happened with a server's key.
#[derive(Clone, PartialEq, Serialize)]
pub struct ServerChange {
    /// What.
    pub kind: ServerChangeKind,
    /// When.
    pub at: Time,
    /// The key that was remembered.
    pub before: Option<ServerKey>,
    /// The key that was shown.
    pub after: Option<ServerKey>,
    /// Of a contradiction: the kind of what was missing or wrong.
    pub because: Option<String>,
}

levels! {
    /// What happened with a server's key.
    ServerChangeKind {
        /// A new key, shown by a login that was bound to it: nothing to worry about.
        Renewed = 0 "renewed",
        /// A new key for which only its certificate speaks; the server never bound a login.
        RenewedUnproved = 1 "renewed_unproved",
        /// A login did not fit what the server proved before; it was given up.
        Contradiction = 2 "contradiction",
        /// A person took the server as it is.
        Accepted = 3 "accepted",
    }
}

/// The push of an account (XEP-0357).
#[derive(Clone, PartialEq, Serialize)]
pub struct Push {
    /// How far it is.
    pub state: PushState,
    /// The app server that is wanted.
    pub app_server: Option<String>,
    /// The kind of the last failure; it is tried again by itself.
    pub error: Option<String>,
}

/// A message that somebody is to be told of.
#[derive(Clone, PartialEq, Serialize)]
pub struct Notification {
    /// Stable: one that comes again, after a process was killed, takes the place of the one shown before.
    pub notification: String,
    /// Whose.
    pub account: String,
    /// The name that a person gave the chat, kept only here.
    pub name: Option<String>,
    /// The row.
    pub item: TimelineItem,
}

/// What a sync in the background came to.
#[derive(Clone, PartialEq, Serialize)]
pub struct SyncReport {
    /// All that the servers had is here. Else the time was too short, or a server could not be reached or was refused.
    pub caught_up: bool,
    /// What somebody is to be told, oldest first, at most 200 of each account. The others come with the next sync.
    pub notifications: Vec<Notification>,
    /// Alarms of these accounts that wait for a person's answer.
    pub alarms: u32,
}
