//! What `room` takes.

use clap::{Args, Subcommand};

/// What can be done about a room.
#[derive(Subcommand)]
pub(crate) enum RoomChange {
    /// List the rooms, without network
    List,
    /// Make a room: for members only, listed nowhere, everybody's address known to its members
    Create(NewRoom),
    /// Go into a room, and again on every connection; also the answer to an invitation
    Join(NewRoom),
    /// Go out and stay out; its admins decide whether you stay a member
    Leave(OneRoom),
    /// Make somebody a member and ask them to come in; for admins and owners
    Invite(InRoom),
    /// Make somebody no member any more, which puts them out; for admins and owners
    Remove(InRoom),
    /// Let a new member read what is said from now on, whom only the room's server named
    Admit(InRoom),
    /// List who belongs to a room, without network
    Members(OneRoom),
    /// Go on in a room that is not private as it is now
    Accept(OneRoom),
    /// Close a room for everybody; for owners
    Destroy(OneRoom),
}

/// A room to go into.
#[derive(Args)]
pub(crate) struct NewRoom {
    /// The room's address, name@rooms.server
    pub(crate) room: String,
    /// What to be called there [default: the name of the account]
    #[arg(long)]
    pub(crate) nick: Option<String>,
    /// How long to wait for the room; the wish is stored and holds for the next connection
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// One room.
#[derive(Args)]
pub(crate) struct OneRoom {
    /// The room's address
    pub(crate) room: String,
}

/// Somebody in a room.
#[derive(Args)]
pub(crate) struct InRoom {
    /// The room's address
    pub(crate) room: String,
    /// Who
    pub(crate) jid: String,
}
