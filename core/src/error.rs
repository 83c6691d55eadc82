//! What can go wrong, listed once: each kind with its cause and its remedy.
//!
//! Calls fail only for what the caller can act on. The table in the docs and every line on a terminal are made from
//! [`ErrorKind::cause`] and [`ErrorKind::remedy`]; no other human text crosses the border.

use std::fmt;

/// A failure: its kind, and the name of the thing it is about (a host, a file, an account), for the person only.
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The thing it is about, never content; may be empty. It is personal: show it, never log it.
    pub subject: String,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $code:literal $cause:literal $remedy:literal;)*) => {
        /// Every kind of failure. The name in snake case is the stable `data.kind` of the RPC.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $(#[doc = $cause] #[doc = ""] #[doc = $remedy] $name,)*
        }
        impl ErrorKind {
            /// All kinds, in the order of the documentation.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$name,)*];
            /// The stable name, in snake case.
            pub fn code(self) -> &'static str { match self { $(ErrorKind::$name => $code,)* } }
            /// Why it happens.
            pub fn cause(self) -> &'static str { match self { $(ErrorKind::$name => $cause,)* } }
            /// What the person can do.
            pub fn remedy(self) -> &'static str { match self { $(ErrorKind::$name => $remedy,)* } }
            /// The kind of this stable name, as rows and connections carry it.
            pub fn from_code(code: &str) -> Option<ErrorKind> {
                ErrorKind::ALL.iter().copied().find(|kind| kind.code() == code)
            }
        }
    };
}

/// Hands the table of kinds to another macro: `$name $code $cause $remedy;` for each. For a border that has to declare them
/// once more, so that no text is written twice.
#[macro_export]
macro_rules! error_kinds {
    ($then:ident) => { $then! {
    InvalidJid "invalid_jid" "this is not a JID" "write it as name@server, without a resource";
    InvalidInput "invalid_input" "a value is missing or not of the expected form" "look at --help or the contract for what it takes";
    NotYet "not_yet" "this version cannot do that yet" "use what the README lists as working today";
    NoAccount "no_account" "there is no such account in this home" "add it with `dunnock login JID`";
    SeveralAccounts "several_accounts" "this home has several accounts" "say which with --account JID";
    AccountExists "account_exists" "this account is already in this home" "use it as it is, or `dunnock forget JID` first";

    WrongKey "wrong_key" "the store key does not open this home" "give the key file that this home was made with; nothing was changed";
    KeyFile "key_file" "the key file cannot be used" "it must hold 32 bytes or 64 hex digits; a home that has accounts never gets a new key";
    DamagedStore "damaged_store" "the database file is damaged" "nothing was overwritten: `dunnock export FILE` saves what can still be read, then restore a copy of the file or forget the account";
    StoreTooNew "store_too_new" "this store was written by a newer Dunnock" "update Dunnock; nothing was changed";
    ReadOnlyHome "read_only_home" "the home folder cannot be written" "give it to your user with mode 700, or choose another with --home";
    DiskFull "disk_full" "the disk is full" "free some space and start again; what was acknowledged is safe";
    StoreBusy "store_busy" "another program keeps the database locked" "end it and try again";
    File "file" "a file cannot be read or written" "look at its path and permissions";

    WrongPassword "wrong_password" "the server refused the name or the password" "give the right one with `dunnock password`; the one that is here is not tried again before, unless you ask for it with `dunnock connect`";
    UnknownHost "unknown_host" "the server's name does not resolve" "check the spelling and the network, or give --host";
    Unreachable "unreachable" "the server does not answer" "check the network, --host and --port";
    TimedOut "timed_out" "the server did not answer in time" "check the network; a connection that is kept is tried again by itself";
    Disconnected "disconnected" "the connection was cut" "check the network; a connection that is kept is made again by itself";
    NotXmpp "not_xmpp" "what answers there is not an XMPP server" "check --host, --port and --tls";
    OutOfTurn "out_of_turn" "the server said something that it may not say at this point of a login" "somebody may sit in between: try from another network; if it stays so everywhere, tell the server's operator";
    WrongDomain "wrong_domain" "this server does not serve the domain of the address" "check the spelling of the address, --host and --port";
    TlsRefused "tls_refused" "no secure connection could be made" "the server must offer TLS 1.2 with extended master secret or TLS 1.3";
    CertificateName "certificate_name" "the certificate is for another name" "check --host; if it is right, somebody may sit in between: do not go on";
    CertificateExpired "certificate_expired" "the certificate is not valid at this time" "check this device's clock; else tell the server's operator";
    CertificateUntrusted "certificate_untrusted" "the certificate is not signed by a trusted authority" "for a private authority give --ca FILE; else somebody may sit in between: do not go on";
    NoMechanism "no_mechanism" "the server offers no login that Dunnock accepts" "ask its operator for SCRAM-SHA-256. A plain password is never sent, unless you allow it for this account with `--allow-plain-login`: then whoever sits in between reads it";
    Iterations "iterations" "the server asks for a number of SCRAM iterations that is out of bounds" "4096 to 10000000 are taken: fewer make the password cheap to guess for whoever steals the server's file, more keep this device busy. Tell the server's operator; if it was otherwise before, somebody may sit in between";
    LoginDowngraded "login_downgraded" "the server offers no login of the kind any more that it proved itself with before" "somebody may sit in between: do not go on, try from another network. If it stays so everywhere, ask the server's operator by another way";
    PlainLoginNeedless "plain_login_needless" "this account's server has logins that do not show it the password" "nothing has to be allowed; a server that offers less than before is not followed";
    PasswordNeeded "password_needed" "the server wants the password itself again: it makes its logins in another way now, or the password was changed elsewhere, and only what was made from it is kept here" "give the password as it is now (`dunnock password`); if this server asks often, have it kept with `--keep-password`";
    PasswordNotKept "password_not_kept" "the password of this account is not kept here, only what was made from it" "who typed it knows it; give it again with `dunnock password` and `--keep-password` to have it kept";
    ServerProof "server_proof" "the server could not prove that it knows the password" "somebody may sit in between: do not go on, try from another network";
    OfferAltered "offer_altered" "what the server offers for the login seems to have been changed on the way" "somebody may sit in between: do not go on, try from another network. If it stays so everywhere, tell the server's operator";
    BindingRefused "binding_refused" "the server says that the login came over another connection than ours" "somebody sits in between, or something that opens encrypted connections on purpose: do not go on, try from another network";
    LoginCut "login_cut" "the connection was cut in the middle of a login, before the server had proved who it is" "no other login is shown to a server that is not known: somebody may be collecting them. If the network is sound, log in again; an account that is here already gets one more try by `dunnock server --accept` or a new password";
    Contradiction "contradiction" "the server is not who it was: its certificate or what it offers does not fit what it proved before" "nothing more was sent. Read what `dunnock server` shows, and ask the operator by another way; if it is as it should be, `dunnock server --accept`";
    NothingToAccept "nothing_to_accept" "nothing speaks against this account's server" "connect as ever";
    LoginRefused "login_refused" "the server refused this account or session" "ask its operator whether the account is enabled";
    ServerBusy "server_busy" "the server says that it cannot take this login now" "try again later; a connection that is kept is tried again by itself";
    Conflict "conflict" "another session took this one's place" "end the other one, or connect again by hand";
    StreamRefused "stream_refused" "the server ended the stream with an error" "try again later; a connection that is kept is tried again by itself where that is allowed";
    SeeOtherHost "see_other_host" "the server sends this account to another host" "it is gone to by itself if it is the same server by its certificate, but not from a place that was given with --host or --port: leave those out, or give the new ones";
    ProxyUnreachable "proxy_unreachable" "the SOCKS5 proxy does not answer" "start it (Orbot, Tor) or check the route's host and port; nothing went another way";
    NotSocks "not_socks" "what answers at the route's host and port is not a SOCKS5 proxy" "check them; nothing went another way";
    RouteRefused "route_refused" "the proxy, or Tor, would not connect to this place" "check --host and --port; exits of Tor take no local addresses, and a proxy may forbid places";
    OnionNeedsTor "onion_needs_tor" "an onion address is reached over Tor only" "choose the route tor, or a SOCKS5 proxy of Tor's such as socks5://127.0.0.1:9050";
    OnionUnreachable "onion_unreachable" "no onion service answers at this address" "check the address letter by letter; if it is right, the service is not running";
    TorUnreachable "tor_unreachable" "the Tor network cannot be reached" "check the network and this device's clock; where Tor is blocked, use Orbot with a bridge as socks5://127.0.0.1:9050. Nothing went another way";
    NoTor "no_tor" "this Dunnock was built without Tor" "build it with `--features tor`, or use a Tor of your own: the route socks5://127.0.0.1:9050";
    RegistrationClosed "registration_closed" "the server takes no registration from a client" "make the account the way the server's site says, then `dunnock login`";
    RegistrationRefused "registration_refused" "the server refused this registration" "choose another name, or make the account on the server's site";
    Offline "offline" "this account is not connected" "connect it first";
    ArchiveSilent "archive_silent" "the server does not give out its archive" "new messages come and go all the same; those from while this device was away come once it does. If it stays so, tell its operator";
    Crashed "crashed" "a part of the engine stopped on a defect" "it is restarted by itself; please report it";

    PlainNotAllowed "plain_not_allowed" "this contact has no OMEMO device, so the message could only go in plain text" "ask them to set up OMEMO, or allow plain text for this chat with `allow-plain WITH yes`";
    ContactUnreachable "contact_unreachable" "this contact's devices cannot be looked up: their server does not answer, or what it says cannot be read" "check the address, and try again later";
    ListVanished "list_vanished" "this contact had OMEMO devices, and their device list is empty or gone now" "what you write waits, and goes out once their devices are listed again: ask them by another way whether they took them off";
    ExtrasNotAllowed "extras_not_allowed" "this contact has only OMEMO 0.3, which seals texts and nothing else: this could only go in clear" "send it as a message of its own, or allow it for this chat with `allow-extras WITH yes`";
    NoOtherDevice "no_other_device" "this account has no other OMEMO device that could read the message" "log in on a second device first";
    NoTrustedDevice "no_trusted_device" "no device of this contact may read the message" "look at `devices WITH` and trust one";
    NoUsableDevice "no_usable_device" "the keys of this contact's devices cannot be had" "ask them to open their app and connect; it is tried again by itself";
    DeviceChanged "device_changed" "a device of the recipient was distrusted after the message was encrypted" "send it again";
    UnknownMessage "unknown_message" "there is no such message" "use an id as a row or event gave it";
    NotChangeable "not_changeable" "this message cannot be changed" "only your own can be corrected or taken back, and none that was taken back already";
    UnknownDevice "unknown_device" "there is no such device" "use an id or fingerprint that `devices` lists";
    KeyContradiction "key_contradiction" "this address names another key for a device than the one that it shows here" "trust neither of them: somebody may sit in between; compare again, device beside device";
    UnknownAlarm "unknown_alarm" "there is no such alarm, or it was answered" "use an id that `alarms` lists without an answer; `trust` and `distrust` change what was decided";
    ThisDevice "this_device" "that is this very device" "it needs no decision on its own key; `dunnock forget JID` ends it and takes it off the list";
    UnknownChat "unknown_chat" "there is no such chat" "check the address, or look at `chats`";
    RoomSealed "room_sealed" "what is said in a room is always sealed: nobody could allow otherwise for all members" "nothing is to be done";
    UnknownRoom "unknown_room" "this account is in no such room" "join it first, or look at `room list`";
    UnknownMember "unknown_member" "nobody of this address belongs to the room" "look at `room members`; `room invite` asks somebody in";
    NobodyThere "nobody_there" "this is the address of a server or a room, not of a person" "give a person's address: name@server";
    OwnAddress "own_address" "this is your own address" "give the address of somebody else; `room leave` takes you out of a room";
    RoomIsPrivate "room_is_private" "this room is private: there is nothing to accept" "go on as before";
    RoomExists "room_exists" "there is a room of this address already" "choose another address, or join that one";
    RoomNotFound "room_not_found" "there is no such room" "check its address, or make it with `room create`";
    RoomMembersOnly "room_members_only" "only members may enter this room" "ask one of its admins to invite you";
    RoomBanned "room_banned" "this room has banned you" "ask its admins";
    RoomKicked "room_kicked" "somebody put you out of this room" "you may join again, if they agree";
    RoomRemoved "room_removed" "you are no member of this room any more" "ask one of its admins to invite you again";
    RoomDestroyed "room_destroyed" "this room was closed for good" "nothing more can be said there; what was said stays in the store";
    RoomFull "room_full" "this room has no place left" "try again later";
    RoomNick "room_nick" "the nickname is taken in this room" "join with another one";
    RoomPassword "room_password" "this room asks for a password" "rooms with a password are not supported; ask for an invitation to a members-only one";
    RoomRefused "room_refused" "the room or its server refused" "check the address, and whether its server allows what you asked for";
    RoomUnsuitable "room_unsuitable" "this server cannot make a room for members only in which everybody's address is known" "choose a room on another server";
    RoomNotPrivate "room_not_private" "this room is not private: anybody may enter, it is listed, or it hides who is in it" "look at its flaws in `room list`; then `room accept` it as it is, or `room leave` it";
    RoomForbidden "room_forbidden" "only the admins of this room may do that" "ask one of them";
    NotJoined "not_joined" "we are not inside this room" "it is sent once we are; join it with `room join` if you have left it";
    PushUnsupported "push_unsupported" "the account's server sends no pushes (XEP-0357)" "messages come while Dunnock is connected; ask the server's operator for pushes";
    PushSilent "push_silent" "the app server for pushes does not answer" "it is asked again by itself, and on each new connection; messages come while Dunnock is connected";
    PushRefused "push_refused" "the app server or the account's server refused the push" "check the app server's address and the device's token; it is tried again on the next connection";
    PushAnswer "push_answer" "the app server's answer is not one that can be trusted" "nothing was enabled; check its address, or tell whoever runs it";
    DeadlinePassed "deadline_passed" "the time was up before all was fetched" "nothing is lost: what is missing waits on the server; sync again, with more time";
    Refused "refused" "the other side refused it" "see the reason; it was not delivered";
    TooLarge "too_large" "this is larger than the server takes" "send less at once";
    Ended "ended" "this handle was ended" "open it again";
    Internal "internal" "something that cannot happen did" "please report it with --log";
    } };
}

error_kinds!(kinds);

impl Error {
    /// A failure of `kind` about the thing called `subject`.
    pub fn about(kind: ErrorKind, subject: impl Into<String>) -> Self {
        Error { kind, subject: subject.into() }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Error { kind, subject: String::new() }
    }
}

impl fmt::Display for Error {
    /// One line: what, why, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        write!(f, "{}; {}", self.kind.cause(), self.kind.remedy())
    }
}

/// Names the kind only: the subject is personal and must not reach a log.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({})", self.kind.code())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_a_cause_and_a_remedy_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in ErrorKind::ALL {
            let (code, cause, remedy) = (kind.code(), kind.cause(), kind.remedy());
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
            assert!(cause.len() > 10 && remedy.len() > 10 && cause != remedy, "{code}");
            for text in [cause, remedy] {
                // Each is a clause of one line.
                assert!(!text.contains('\n') && !text.ends_with('.') && text.trim() == text, "{code}: {text}");
            }
            assert!(seen.insert(code) && seen.insert(cause), "{code}");
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(ErrorKind::from_code("no such kind"), None);
    }
}
