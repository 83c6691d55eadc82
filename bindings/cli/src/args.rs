//! The command line: what can be asked, in clap's words. Every line of `--help` is here.

mod rooms;

pub(crate) use rooms::{NewRoom, RoomChange};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Dunnock: sealed messages over XMPP.
#[derive(Parser)]
#[command(name = "dunnock", version, about, after_help = AFTER_HELP, propagate_version = true)]
pub(crate) struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit status: 0 done; 1 refused or failed, with one line on standard error saying what and what to do; 2 usage.
Everything is kept sealed in the home folder; the key file opens it. Keep a copy of the key file: without it nothing there can be read.";

/// Options that every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// Folder that holds the accounts [default: dunnock in the platform's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,

    /// File with the store key: 32 bytes or 64 hex digits. Made if absent, unless the home already holds an account
    /// [default: dunnock/store.key in the platform's configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Account to use; needed when there are several
    #[arg(long, global = true, value_name = "JID")]
    pub(crate) account: Option<String>,

    /// Print JSON, one object a line, also for the error line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Write a log to this file; it names no person, no server and no content
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an account and prove that it can log in
    Login(NewLogin),
    /// Make an account on a server (XEP-0077) with a generated password, and add it
    Register(NewLogin),
    /// List the accounts of this home
    Accounts,
    /// Wipe an account from this home; the server keeps it
    Forget {
        /// The account
        jid: String,
    },
    /// Give the password of an account again, or show it where it is kept
    Password {
        /// The account
        jid: String,
        /// File whose first line is the password
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Keep it, sealed, where else only the keys made from it are kept; without this it stays as it was chosen before
        #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
        keep_password: Option<YesNo>,
        /// Show it, if it is here: generated, to be kept, allowed to go to the server itself, or not used for a login yet
        #[arg(long, conflicts_with_all = ["password_file", "keep_password"])]
        show: bool,
    },
    /// Send a message and wait until the server has it; prints its id
    Send(Send),
    /// Give a message of yours another text
    Correct {
        /// The message's id, as `history --json` or `send` gave it
        message: String,
        /// The text
        text: String,
    },
    /// Take back a message of yours; whoever read it has read it
    Retract {
        /// The message's id
        message: String,
    },
    /// Say all that you think of a message, with emojis; without any it is taken back
    React {
        /// The message's id
        message: String,
        /// Emojis, at most 20
        emojis: Vec<String>,
    },
    /// Say that a chat was read; the other side is told where that can be sealed
    Read {
        /// The other side's JID
        with: String,
    },
    /// Say that you type, or stopped; nobody keeps it
    Typing {
        /// The other side's JID
        with: String,
        /// Whether you type
        state: TypingState,
    },
    /// List the chats, without network
    Chats,
    /// Show a chat, oldest message first, without network
    History {
        /// The other side's JID
        with: String,
        /// How many of the newest messages
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Search the messages, without network; newest first
    Search {
        /// What to look for
        #[arg(required = true)]
        words: Vec<String>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Stay online and print each event as it happens, until interrupted
    Listen,
    /// Connect once, and say how that stands: also with a password that the server refused, which nothing else tries again
    Connect,
    /// List the contacts, or change one
    #[command(args_conflicts_with_subcommands = true)]
    Contacts {
        /// What to change; without it the list is printed
        #[command(subcommand)]
        change: Option<ContactChange>,
    },
    /// Allow or forbid plain text for one chat
    AllowPlain {
        /// The other side's JID
        with: String,
        /// Whether plain text may be sent there
        allow: YesNo,
    },
    /// Allow or forbid in one chat that what OMEMO 0.3 cannot seal goes in clear: reactions, corrections, retractions, replies,
    /// markers, typing
    AllowExtras {
        /// The other side's JID
        with: String,
        /// Whether it may go in clear there
        allow: YesNo,
    },
    /// Whether others are told what you have read, in all chats
    TellRead {
        /// Whether they are
        tell: YesNo,
    },
    /// List the devices of a contact, or one's own
    #[command(args_conflicts_with_subcommands = true)]
    Devices {
        /// The contact's JID; without it one's own devices are listed
        with: Option<String>,
        /// What to change
        #[command(subcommand)]
        change: Option<DeviceChange>,
    },
    /// List what there is to know of keys: devices in quarantine, unknown ones of one's own; or answer one
    #[command(args_conflicts_with_subcommands = true)]
    Alarms {
        /// What to answer
        #[command(subcommand)]
        answer: Option<AlarmAnswer>,
    },
    /// Verify keys by an address read off the other device: what `devices uri` prints there, or its QR code holds
    Verify {
        /// xmpp:JID?omemo-sid-ID=FINGERPRINT;…
        uri: String,
    },
    /// Choose how a contact's new device leaves its quarantine without anybody's word; without a choice it says what holds
    TrustRule {
        /// After so many days with the same key it counts as of first use; 0: only when somebody decides
        #[arg(value_parser = clap::value_parser!(u32).range(0..=36_500))]
        days: Option<u32>,
    },
    /// Say that a device's fingerprint was compared and is right
    Trust(Fingerprint),
    /// Reject a device: nothing is encrypted to it from now on
    Distrust(Fingerprint),
    /// Connect for a moment, fetch what is there, print what no sync has told yet, and let go without a goodbye
    Sync {
        /// How long it may take; 0 connects nothing and prints what is here
        #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3_600))]
        deadline: u64,
        /// Only the account that this node of a push is for
        #[arg(long, value_name = "NODE", conflicts_with = "account")]
        node: Option<String>,
    },
    /// Be woken by pushes (XEP-0357); without a change it says how far that is
    #[command(args_conflicts_with_subcommands = true)]
    Push {
        /// What to change
        #[command(subcommand)]
        change: Option<PushChange>,
    },
    /// Show what is remembered of the account's server, and what happened with its key
    Server {
        /// Take it as it is, though it contradicts what it proved before
        #[arg(long)]
        accept: bool,
        /// Whether the password itself may go there, where it offers nothing better: whoever sits in between reads it then, and it
        /// stays here, sealed
        #[arg(long, value_name = "yes|no")]
        allow_plain_login: Option<YesNo>,
    },
    /// Groups: rooms for members only, in which everything is sealed for all members; without a change the rooms are listed
    #[command(args_conflicts_with_subcommands = true)]
    Room {
        /// What to do
        #[command(subcommand)]
        change: Option<RoomChange>,
    },
    /// Write what can still be read to a new file, as JSON lines; also from a damaged database
    Export {
        /// The file to make; `-` for standard output
        file: PathBuf,
    },
    /// Speak JSON-RPC 2.0 on standard input and output, one object a line (docs/contract.schema.json)
    Rpc,
}

/// How an account is added.
#[derive(Args)]
pub(crate) struct NewLogin {
    /// The address, name@server
    pub(crate) jid: String,
    /// File whose first line is the password; without it login asks on a terminal, else reads the first line of standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Keep the password, sealed, where else only the keys made from it are kept; a generated one is always kept
    #[arg(long)]
    pub(crate) keep_password: bool,
    /// Host to connect to instead of what DNS says
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Port to connect to
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// How TLS begins
    #[arg(long, value_enum, default_value_t = TlsMode::Auto)]
    pub(crate) tls: TlsMode,
    /// PEM file with a private certificate authority for this account
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// How to reach the server: direct, tor or socks5://HOST:PORT; nothing of the account ever takes another way
    #[arg(long, default_value = "direct")]
    pub(crate) route: String,
    /// Let the password itself go to a server that offers nothing better (PLAIN): whoever sits in between reads it then, and it
    /// stays here, sealed
    #[arg(long)]
    pub(crate) allow_plain_login: bool,
    /// How long to wait for the login
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// What is sent, and where.
#[derive(Args)]
pub(crate) struct Send {
    /// The recipient's JID
    pub(crate) to: String,
    /// The text; `-` reads it from standard input
    #[arg(required_unless_present = "file")]
    pub(crate) text: Option<String>,
    /// Send a file instead (not yet)
    #[arg(long, value_name = "PATH", conflicts_with = "text")]
    pub(crate) file: Option<PathBuf>,
    /// How long to wait for the server; the message stays in the store and goes out later if this passes
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// A device's key by its fingerprint.
#[derive(Args)]
pub(crate) struct Fingerprint {
    /// The device's owner
    pub(crate) with: String,
    /// The fingerprint as `devices` lists it; spaces and case do not matter
    #[arg(required = true)]
    pub(crate) fingerprint: Vec<String>,
}

/// What can be done about a contact.
#[derive(Subcommand)]
pub(crate) enum ContactChange {
    /// Add a contact and ask to see when they are online
    Add(Person),
    /// Accept a contact's request
    Accept(Person),
    /// Decline a contact's request, or take the acceptance back
    Decline(Person),
    /// Block a contact (XEP-0191)
    Block(Person),
    /// Unblock a contact
    Unblock(Person),
    /// Name a contact, on this device only
    Name {
        /// The contact
        jid: String,
        /// The name; empty takes it away
        name: String,
    },
}

/// One contact.
#[derive(Args)]
pub(crate) struct Person {
    /// The contact's JID
    pub(crate) jid: String,
}

/// What can be done about a device.
#[derive(Subcommand)]
pub(crate) enum DeviceChange {
    /// Take a device of one's own off the list and end its sessions; one that still knows the password puts itself back at
    /// its next login, so change the password too
    Remove {
        /// The device's id
        id: u32,
    },
    /// List what happened to the list of one's own devices
    Log,
    /// Print one's own address with the keys of one's devices, for others to verify
    Uri,
    /// Drop the sessions with a device and begin a fresh one
    Reset {
        /// The device's owner
        with: String,
        /// The device's id
        device: u32,
    },
}

/// What can be answered to an alarm.
#[derive(Subcommand)]
pub(crate) enum AlarmAnswer {
    /// Let the device read along, though nobody compared its key
    Accept {
        /// The alarm's id
        alarm: String,
    },
    /// Let it never read along; one of one's own goes off the list
    Reject {
        /// The alarm's id
        alarm: String,
    },
    /// Only say that it was seen
    Dismiss {
        /// The alarm's id
        alarm: String,
    },
}

/// What can be done about pushes.
#[derive(Subcommand)]
pub(crate) enum PushChange {
    /// Register this device with an app server and have the account's server publish there; takes the place of another one
    Enable {
        /// The app server's JID
        app_server: String,
        /// What the platform calls this device by
        #[arg(long)]
        token: String,
        /// What this installation calls itself at the app server: random, and always the same
        #[arg(long)]
        device: String,
        /// Whose pushes they are
        #[arg(long, value_enum, default_value_t = PushPlatform::Fcm)]
        platform: PushPlatform,
    },
    /// Take it back from both
    Disable,
}

/// Whose pushes they are.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PushPlatform {
    /// Firebase Cloud Messaging
    Fcm,
    /// Apple Push Notification service
    Apns,
}

/// Whether somebody types.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypingState {
    /// Types now
    Composing,
    /// Stopped
    Paused,
}

/// Yes or no.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    /// Yes
    Yes,
    /// No
    No,
}

/// How TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMode {
    /// What DNS says; STARTTLS where it says nothing
    Auto,
    /// At once (XEP-0368)
    Direct,
    /// After STARTTLS
    Starttls,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_on_either_side_of_the_command() {
        let before = Arguments::try_parse_from(["dunnock", "--json", "--home", "h", "accounts"]).ok().unwrap();
        let after = Arguments::try_parse_from(["dunnock", "accounts", "--json", "--home", "h"]).ok().unwrap();
        assert!(before.global.json && after.global.json);
        assert_eq!(before.global.home, after.global.home);
    }

    #[test]
    fn send_needs_a_text_or_a_file() {
        assert!(Arguments::try_parse_from(["dunnock", "send", "romeo@a"]).is_err());
        assert!(Arguments::try_parse_from(["dunnock", "send", "romeo@a", "hi"]).is_ok());
        assert!(Arguments::try_parse_from(["dunnock", "send", "romeo@a", "--file", "x"]).is_ok());
        assert!(Arguments::try_parse_from(["dunnock", "send", "romeo@a", "hi", "--file", "x"]).is_err());
    }

    #[test]
    fn devices_takes_a_person_or_a_change() {
        let own = Arguments::try_parse_from(["dunnock", "devices"]).ok().unwrap();
        assert!(matches!(own.command, Command::Devices { with: None, change: None }));
        let list = Arguments::try_parse_from(["dunnock", "devices", "romeo@a"]).ok().unwrap();
        assert!(matches!(list.command, Command::Devices { with: Some(_), change: None }));
        let remove = Arguments::try_parse_from(["dunnock", "devices", "remove", "7"]).ok().unwrap();
        assert!(matches!(remove.command, Command::Devices { change: Some(DeviceChange::Remove { id: 7 }), .. }));
    }
}
