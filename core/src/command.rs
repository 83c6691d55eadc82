//! Everything that a person can ask of an account, as plain data.

use crate::model::Trust;
pub use crate::route::Route;

/// One wish. It is carried out in one transaction; what it causes on the network follows by itself, also after a restart.
#[derive(Clone)]
pub enum Command {
    /// Go online and stay so. Refused while something stands that only a person can take away: a server that contradicts what it
    /// proved before (`Contradiction`), a password that the server refused (`WrongPassword`).
    Connect,
    /// The same, said by a person who wants a password that was refused tried once more as it is.
    ConnectAgain,
    /// Close the stream and stay offline.
    Disconnect,
    /// Send a text. A repeated `origin_id` answers the same message and sends nothing twice.
    Send {
        /// Bare JID of the other side.
        to: String,
        /// The text.
        text: String,
        /// Local id of the message that it answers.
        reply_to: Option<String>,
        /// The sender's id; made if absent.
        origin_id: Option<String>,
    },
    /// Give a message of ours another text (XEP-0308).
    Correct {
        /// Its local id.
        message: String,
        /// The text.
        text: String,
    },
    /// Take back a message of ours (XEP-0424).
    Retract {
        /// Its local id.
        message: String,
    },
    /// Say what we think of a message (XEP-0444): all that we think, nothing takes it back.
    React {
        /// Its local id.
        message: String,
        /// Emojis, at most 20.
        emojis: Vec<String>,
    },
    /// All messages of this chat were read. The other side is told, where it asked to be, that can be sealed or was
    /// allowed, and [`Command::TellDisplayed`] does not say no.
    MarkRead {
        /// The chat.
        chat: String,
    },
    /// Allow or forbid plain text in a chat.
    AllowPlain {
        /// The chat.
        chat: String,
        /// Whether plain text may be sent.
        allow: bool,
    },
    /// Allow or forbid in a chat that what OMEMO 0.3 cannot seal (reactions, corrections, retractions, replies, markers,
    /// typing) goes in clear beside the sealed text.
    AllowExtras {
        /// The chat.
        chat: String,
        /// Whether it may.
        allow: bool,
    },
    /// Whether others are told what was displayed here (XEP-0333), in all chats.
    TellDisplayed {
        /// Whether they are.
        tell: bool,
    },
    /// We type, or stopped (XEP-0085).
    Typing {
        /// The chat.
        chat: String,
        /// Whether we type.
        typing: bool,
    },
    /// Something about a person.
    Contact {
        /// Bare JID.
        jid: String,
        /// What.
        change: ContactChange,
    },
    /// Decide on a device's key, named by its fingerprint (spaces and case do not matter).
    DeviceDecide {
        /// Owner.
        jid: String,
        /// The fingerprint as listed.
        fingerprint: String,
        /// `Verified` or `Distrusted`.
        trust: Trust,
    },
    /// Drop the sessions with a device and begin a fresh one.
    DeviceReset {
        /// Owner.
        jid: String,
        /// Device id.
        device: u32,
    },
    /// Take an own device off our list and end its sessions.
    DeviceRemove {
        /// Device id.
        device: u32,
    },
    /// Answer an alarm.
    AlarmAnswer {
        /// Its id.
        alarm: String,
        /// `accepted`: the device may read along, though nobody compared its key. `rejected`: it may not; one of our own goes
        /// off the list. `dismissed`: it was seen.
        answer: String,
    },
    /// A person read this `xmpp:` address off another device (a QR code, a link): the keys it names are verified, also those
    /// that no device has shown yet. A key other than the one a device shows is refused, and nothing is changed.
    Verify {
        /// `xmpp:JID?omemo-sid-ID=FINGERPRINT;…`, or `xmpp:JID?trust-message;encryption=…;trust=KEY;…` (XEP-0434).
        uri: String,
    },
    /// After how many days a contact's device in quarantine counts as of first use, if its key did not change; 0: a person
    /// decides.
    TrustRule {
        /// Days, at most 36500.
        days: u32,
    },
    /// Something about a room (XEP-0045).
    Room {
        /// The room's bare JID.
        room: String,
        /// What.
        change: RoomChange,
    },
    /// Change how the account connects.
    Update(AccountUpdate),
    /// Take the account's server as it is, though it contradicts what it proved before; refused where it does not.
    AcceptServer,
    /// Allow that the password itself goes to the account's server (PLAIN), or not any more: only inside TLS, and only while the
    /// server offers nothing better and never did.
    AllowPlainLogin(bool),
    /// Be woken by pushes (XEP-0357) of this app server, and of no other. Told anew, it is asked for anew.
    EnablePush(PushService),
    /// Be woken no more: our server and the app server are told.
    DisablePush,
}

/// Who wakes this device when its server has something for it.
#[derive(Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Firebase Cloud Messaging: Android.
    Fcm,
    /// Apple Push Notification service.
    Apns,
}

impl Platform {
    /// The name on the border, and the end of the command's name at the app server.
    pub fn code(self) -> &'static str {
        match self {
            Platform::Fcm => "fcm",
            Platform::Apns => "apns",
        }
    }

    /// The platform of this name.
    pub fn from_code(code: &str) -> Option<Platform> {
        [Platform::Fcm, Platform::Apns].into_iter().find(|platform| platform.code() == code)
    }
}

/// What can be done about a contact.
#[derive(Clone)]
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

/// What can be done about a room.
#[derive(Clone)]
pub enum RoomChange {
    /// Make it: for members only, everybody's address known to all, listed nowhere, kept and archived. What its server cannot
    /// do of that leaves no room behind.
    Create {
        /// What we are called there; made of our address if absent.
        nick: Option<String>,
    },
    /// Go in, and again on every connection.
    Join {
        /// What we are called there; as before, or made of our address, if absent.
        nick: Option<String>,
    },
    /// Go out and stay out.
    Leave,
    /// Make somebody a member and ask them to come in. Only admins and owners can.
    Invite {
        /// Bare JID.
        jid: String,
    },
    /// Make somebody no member any more, which puts them out. Only admins and owners can.
    Remove {
        /// Bare JID.
        jid: String,
    },
    /// Let somebody read what is said from now on, whom the room named as a member after our first contact with it.
    Admit {
        /// Bare JID.
        jid: String,
    },
    /// Go on in a room whose configuration is not that of a private room, as it is now.
    Accept,
    /// Close it for everybody. Only owners can.
    Destroy,
}

/// New values for an account's connection; `None` leaves one as it is.
#[derive(Clone, Default)]
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
    pub keep_password: Option<bool>,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// What DNS says; STARTTLS where it says nothing.
    Auto,
    /// At once (XEP-0368).
    Direct,
    /// After `<starttls/>` (RFC 6120).
    StartTls,
}

impl Tls {
    /// The name on the border.
    pub fn code(self) -> &'static str {
        match self {
            Tls::Auto => "auto",
            Tls::Direct => "direct",
            Tls::StartTls => "starttls",
        }
    }

    /// The mode of this name.
    pub fn from_code(code: &str) -> Option<Tls> {
        Some(match code {
            "auto" => Tls::Auto,
            "direct" => Tls::Direct,
            "starttls" => Tls::StartTls,
            _ => return None,
        })
    }
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Done,
    /// Keys were verified.
    Verified {
        /// Whose: a bare JID.
        jid: String,
    },
    /// The message is in the store.
    Sent {
        /// Its local id.
        message: String,
        /// The sender's id of it.
        origin_id: String,
    },
}
