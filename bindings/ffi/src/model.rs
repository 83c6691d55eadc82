//! The core's plain types, declared once more for UniFFI. A field or a variant that differs from the core's does not compile.

mod event;
mod server;

use crate::error::Result;
use dunnock_core::Route;
use dunnock_core::command::{AccountUpdate, ContactChange, Platform, PushService, Tls};
use dunnock_core::lifecycle::Lifecycle;
use dunnock_core::model::{
    ChatItem, Connection, Contact, Delivery, Notification, Proof, Push, PushState, Reach, Reaction, RoomState, Sealing,
    State, SyncReport, Time, TimelineItem, TorState, TorStatus, Trust,
};

// Milliseconds since 1970-01-01 UTC.
uniffi::custom_type!(Time, i64, {
    remote,
    lower: |time| time.0,
    try_lift: |milliseconds| Ok(Time(milliseconds)),
});

/// How much of a message was sealed.
#[uniffi::remote(Enum)]
pub enum Sealing {
    /// Nothing: plain text.
    None,
    /// The text (OMEMO 0.3).
    Content,
    /// All of it (OMEMO 2 with XEP-0420).
    Full,
}

/// What became of a message of ours. It only climbs.
#[uniffi::remote(Enum)]
pub enum Delivery {
    /// In the store, not encrypted yet.
    Waiting,
    /// Encrypted and handed to the stream.
    Sending,
    /// The server has it.
    Sent,
    /// It was refused; a receipt may still come.
    Failed,
    /// A device of the recipient has it (XEP-0184).
    Delivered,
    /// It was displayed (XEP-0333).
    Displayed,
}

/// What we think of a device's key.
#[uniffi::remote(Enum)]
pub enum Trust {
    /// It gets nothing until a person decides.
    Undecided,
    /// It was in the first complete list that we saw.
    FirstUse,
    /// A verified device of the same person vouched for it.
    Vouched,
    /// A person compared the fingerprint.
    Verified,
    /// A person rejected it: nothing is encrypted to it.
    Distrusted,
}

/// The state of an account's connection.
#[uniffi::remote(Enum)]
pub enum State {
    /// Not connected.
    Offline,
    /// On the way, or waiting to try again.
    Connecting,
    /// Logged in.
    Online,
    /// Refused; not tried again until a person acts.
    Refused,
    /// The server is not who it was; nothing is sent.
    Contradiction,
}

/// What a login proved about the server.
#[uniffi::remote(Enum)]
pub enum Proof {
    /// The login was bound to the TLS channel (SCRAM-PLUS).
    Proved,
    /// The key is the one pinned by an earlier proof.
    Pinned,
    /// Only the certificate speaks for it.
    FirstUse,
}

/// One line of the chat list.
#[uniffi::remote(Record)]
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
    #[uniffi(default = false)]
    pub extras_allowed: bool,
}

/// One row of a chat.
#[uniffi::remote(Record)]
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
    #[uniffi(default = None)]
    pub edited: Option<Time>,
    /// When its sender took it back; its text is gone.
    #[uniffi(default = None)]
    pub retracted: Option<Time>,
    /// When its sender claims to have sent it, where the servers' time says otherwise. Not to be trusted.
    #[uniffi(default = None)]
    pub claimed: Option<Time>,
    /// What people think of it, the emoji said first first.
    #[uniffi(default = [])]
    pub reactions: Vec<Reaction>,
}

/// An emoji at a message (XEP-0444).
#[uniffi::remote(Record)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Bare JIDs of those who think so.
    pub from: Vec<String>,
}

/// How many of the recipient's devices a message was encrypted to.
#[uniffi::remote(Record)]
pub struct Reach {
    /// Encrypted to.
    pub reached: u32,
    /// Known.
    pub known: u32,
}

/// A person in the contact list.
#[uniffi::remote(Record)]
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

/// The state of the connection.
#[uniffi::remote(Record)]
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

/// How Tor inside of this process stands.
#[uniffi::remote(Record)]
pub struct TorStatus {
    /// Whether it can be used.
    pub state: TorState,
    /// How far its start is, 0 to 100.
    pub percent: u8,
    /// Why it gets no further, if it seems stuck: `offline`, `filtered`, `clock`, `directory`, `silent` or `unknown`.
    pub blocked: Option<String>,
}

/// Whether Tor can be used.
#[uniffi::remote(Enum)]
pub enum TorState {
    /// Nobody needed it yet.
    Off,
    /// It finds its way into its network.
    Starting,
    /// It carries streams.
    Ready,
}

/// How we stand to a room (XEP-0045).
#[uniffi::remote(Enum)]
pub enum RoomState {
    /// Somebody asks us to come in.
    Invited,
    /// On the way in, or waiting for a connection.
    Joining,
    /// Inside.
    Joined,
    /// Its configuration is not that of a private room: nothing is sent there until a person decides.
    Halted,
    /// We are not in it, by our own wish.
    Left,
    /// It let us not in, or not stay.
    Refused,
}

/// How far the push of an account is.
#[uniffi::remote(Enum)]
pub enum PushState {
    /// None is wanted.
    Off,
    /// The app server has not answered yet where to publish.
    Registering,
    /// Our server has not agreed yet to publish there.
    Enabling,
    /// Pushes come.
    Enabled,
    /// None is wanted, but others have not all been told.
    Disabling,
}

/// The push of an account (XEP-0357).
#[uniffi::remote(Record)]
pub struct Push {
    /// How far it is.
    pub state: PushState,
    /// The app server that is wanted.
    pub app_server: Option<String>,
    /// The kind of the last failure; it is tried again by itself.
    pub error: Option<String>,
}

/// A message that somebody is to be told of.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct SyncReport {
    /// All that the servers had is here. Else the time was too short, or a server could not be reached or was refused.
    pub caught_up: bool,
    /// What somebody is to be told, oldest first, at most 200 of each account. The others come with the next sync.
    pub notifications: Vec<Notification>,
    /// Alarms of these accounts that wait for a person's answer.
    pub alarms: u32,
}

/// Who wakes this device when its server has something for it.
#[uniffi::remote(Record)]
pub struct PushService {
    /// JID of the app server, which takes registrations by ad-hoc command (XEP-0050).
    pub app_server: String,
    /// Whose pushes they are.
    pub platform: Platform,
    /// What the platform calls this device by, 1 to 4096 bytes. The app server gets it, nobody else.
    pub token: String,
    /// What this installation calls itself at the app server, 1 to 255 bytes: random, stable, and no device's serial number.
    pub device: String,
}

/// The kinds of pushes that an app server may send.
#[uniffi::remote(Enum)]
pub enum Platform {
    /// Firebase Cloud Messaging: Android.
    Fcm,
    /// Apple Push Notification service.
    Apns,
}

/// What can be done about a contact.
#[uniffi::remote(Enum)]
pub enum ContactChange {
    /// Put in the roster and ask to see their presence.
    Add,
    /// Accept their request.
    Accept,
    /// Decline it, or take back the acceptance.
    Decline,
    /// Block (XEP-0191).
    Block,
    /// Unblock.
    Unblock,
    /// Name them, on this device only; an empty name takes it away.
    Name(String),
}

/// New values for an account's connection; `None` leaves one as it is.
#[uniffi::remote(Record)]
pub struct AccountUpdate {
    /// Host to connect to instead of what DNS says; empty goes back to DNS.
    pub host: Option<String>,
    /// Port; 0 goes back to DNS.
    pub port: Option<u16>,
    /// TLS mode.
    pub tls: Option<Tls>,
    /// The way to the server. A stream on another way ends at once.
    pub route: Option<Route>,
    /// Password.
    pub password: Option<String>,
    /// Whether the password stays in the sealed store when there are keys made from it.
    #[uniffi(default = None)]
    pub keep_password: Option<bool>,
}

/// How TLS begins.
#[uniffi::remote(Enum)]
pub enum Tls {
    /// What DNS says; STARTTLS where it says nothing.
    Auto,
    /// At once (XEP-0368).
    Direct,
    /// After `<starttls/>` (RFC 6120).
    StartTls,
}

/// Where the app stands.
#[uniffi::remote(Enum)]
pub enum Lifecycle {
    /// Seen and used.
    Foreground,
    /// Running, not seen: streams stay, servers that want to know are told that nobody looks (XEP-0352), and next to nothing
    /// is said by ourselves while nothing happens.
    Background,
    /// About to be frozen or killed: all is acknowledged, the streams are dropped without a goodbye so that the servers
    /// keep them for resumption, databases are written back, locks and files released.
    Suspended,
}

/// A device that can read or write a chat.
#[derive(uniffi::Record)]
pub struct DeviceView {
    /// The OMEMO device id.
    pub device: u32,
    /// The fingerprint in the form that other clients show; empty until the key is known.
    pub fingerprint: String,
    /// The Ed25519 form of the key, which some clients of version 2 show instead; empty until it was seen in version 2.
    pub fingerprint_2: String,
    /// What we think of it.
    pub trust: Trust,
    /// The versions that its owner lists it under: `0.3`, `2`.
    pub versions: Vec<String>,
    /// Whether it belongs to this account.
    pub own: bool,
    /// Whether it is the device that runs this program.
    pub current: bool,
}

impl From<dunnock_core::model::DeviceView> for DeviceView {
    fn from(view: dunnock_core::model::DeviceView) -> Self {
        let dunnock_core::model::DeviceView { device, fingerprint, fingerprint_2, trust, versions, own, current } =
            view;
        let versions = versions.into_iter().map(str::to_owned).collect();
        DeviceView { device, fingerprint, fingerprint_2, trust, versions, own, current }
    }
}

/// The way by which everything of an account travels. There is no way back from one to another: if the chosen one does not
/// work, the account is offline.
#[uniffi::remote(Enum)]
pub enum Route {
    /// Straight to the server.
    Direct,
    /// Over Tor, which runs inside of this process.
    Tor,
    /// Over a SOCKS5 proxy (RFC 1928), such as Orbot or a Tor of one's own. Names are resolved at its far end.
    Socks5 {
        /// Where the proxy listens: a name or an address, an IPv6 one without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// Reads a route: `direct`, `tor` or `socks5://HOST:PORT`. `InvalidInput` otherwise.
#[uniffi::export]
pub fn parse_route(text: String) -> Result<Route> {
    Ok(Route::parse(&text)?)
}

/// A route as `parseRoute` reads it.
#[uniffi::export]
pub fn route_text(route: Route) -> String {
    route.to_string()
}
