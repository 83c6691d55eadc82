//! What happened, as it crosses the border.

use dunnock_core::model::{Connection, Delivery, Event, Reach, RoomState, TimelineItem};

/// What happened, in the order of commits.
#[uniffi::remote(Enum)]
pub enum Event {
    /// The connection changed.
    Connection {
        /// Whose.
        account: String,
        /// Where it stands now.
        connection: Connection,
    },
    /// A readable message arrived, or one of ours came from another own device.
    Message {
        /// Whose.
        account: String,
        /// The row.
        item: TimelineItem,
    },
    /// A message was corrected, taken back, or reacted to.
    Changed {
        /// Whose.
        account: String,
        /// `corrected`, `retracted`, `reacted`.
        change: String,
        /// The row as it is now.
        item: TimelineItem,
    },
    /// A message of ours came further, or failed.
    Delivery {
        /// Whose.
        account: String,
        /// Its local id.
        message: String,
        /// How far.
        state: Delivery,
        /// How many devices it was encrypted to.
        devices: Option<Reach>,
        /// The kind of failure.
        error: Option<String>,
    },
    /// A device came, went or changed.
    Device {
        /// Whose.
        account: String,
        /// The device's owner.
        jid: String,
        /// Its id.
        device: u32,
        /// Its fingerprint, if known.
        fingerprint: String,
        /// `new`, `gone`, `returned`, `key_changed`, `trust`, `own_unknown`.
        change: String,
    },
    /// A person has to know of something about somebody's keys.
    Alarm {
        /// Whose.
        account: String,
        /// Its id.
        alarm: String,
        /// What it is about: `quarantined`, `own_unknown`, `key_changed`, `other_list`, `room_member`,
        /// `server_contradicts`.
        what: String,
        /// Whose devices, or which member.
        jid: String,
        /// Of which room they are a member.
        room: Option<String>,
        /// Which one, if it is one.
        device: Option<u32>,
        /// The key it is about, where known.
        fingerprint: String,
    },
    /// A message arrived that cannot be read.
    Unreadable {
        /// Whose.
        account: String,
        /// The row, with its reason.
        item: TimelineItem,
    },
    /// A room changed: whether we are in it, or what it is.
    Room {
        /// Whose.
        account: String,
        /// The room.
        room: String,
        /// How we stand to it now.
        state: RoomState,
        /// The kind of failure that it stands at.
        reason: Option<String>,
        /// What its configuration lacks of a private room: `open`, `public`, `semi_anonymous`.
        flaws: Vec<String>,
        /// Who asked us to come in.
        inviter: Option<String>,
    },
    /// Somebody came to a room or went, for good.
    RoomMember {
        /// Whose.
        account: String,
        /// The room.
        room: String,
        /// Who.
        jid: String,
        /// `member`, `waiting`, `admitted`, `refused`, `gone`, `keyless`, `reachable`, `not_invited`, `not_removed`.
        change: String,
    },
    /// Somebody types or stopped (XEP-0085); not stored.
    Typing {
        /// Whose.
        account: String,
        /// The chat.
        chat: String,
        /// Whether they type now.
        typing: bool,
    },
}
