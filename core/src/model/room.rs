//! Rooms (XEP-0045) and who belongs to them.

use serde::{Serialize, Serializer};

levels! {
    /// How we stand to a room (XEP-0045).
    RoomState {
        /// Somebody asks us to come in.
        Invited = 0 "invited",
        /// On the way in, or waiting for a connection.
        Joining = 1 "joining",
        /// Inside.
        Joined = 2 "joined",
        /// Its configuration is not that of a private room: nothing is sent there until a person decides.
        Halted = 3 "halted",
        /// We are not in it, by our own wish.
        Left = 4 "left",
        /// It let us not in, or not stay.
        Refused = 5 "refused",
    }
}

levels! {
    /// Whether a member of a room gets what is said there.
    Admission {
        /// They came after our first contact with the room and nobody who counts spoke for them: nothing is sealed for them
        /// until a person decides.
        Waiting = 0 "waiting",
        /// They get it.
        Admitted = 1 "admitted",
        /// A person refused them: nothing is sealed for them.
        Refused = 2 "refused",
    }
}

/// A room (XEP-0045).
#[derive(Clone, PartialEq, Serialize)]
pub struct Room {
    /// Its bare JID, which is its chat's too.
    pub room: String,
    /// What we are called there.
    pub nick: String,
    /// How we stand to it.
    pub state: RoomState,
    /// The kind of failure that it stands at.
    pub reason: Option<String>,
    /// What its configuration lacks of a private room: `open` (anybody may come in), `public` (it is listed),
    /// `semi_anonymous` (it hides who is in it).
    pub flaws: Vec<String>,
    /// Who asked us to come in.
    pub inviter: Option<String>,
    /// What we are there: `owner`, `admin` or `member`; none if we do not belong to it, or that is not known.
    pub affiliation: Option<String>,
    /// How many people belong to it, as far as known.
    pub members: u32,
    /// How many of these get nothing until a person decides.
    pub waiting: u32,
}

/// Somebody who belongs to a room.
#[derive(Clone, PartialEq, Serialize)]
pub struct Member {
    /// The bare JID.
    pub jid: String,
    /// `owner`, `admin` or `member`.
    pub affiliation: String,
    /// Whether they get what is said there.
    pub admission: Admission,
    /// Who says that they asked them in, where the key of whoever says it does not count.
    pub named_by: Option<String>,
    /// What they are called in the room, while they are in it.
    pub nick: Option<String>,
    /// Whether both of their device lists were read at least once.
    pub fetched: bool,
    /// How many devices they list. Without any they get nothing that is said there.
    pub devices: u32,
    /// To how many of these messages can be sealed now.
    pub ready: u32,
    /// Whether it is this account.
    pub own: bool,
}
