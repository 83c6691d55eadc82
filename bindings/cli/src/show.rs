//! Rows and events as lines for people. Everything that came from outside goes through `safe`.

mod rooms;

pub(crate) use rooms::{member, room};

use crate::safe::{block, line};
use dunnock_core::ErrorKind;
use dunnock_core::model::{
    Alarm, ChatItem, Connection, Contact, Delivery, DeviceView, Event, Notification, OwnDeviceEvent, Proof, Push,
    PushState, Reach, RoomState, Sealing, Server, ServerChangeKind, State, Time, TimelineItem, Trust,
};

/// One message: when, who, how far, what.
pub(crate) fn message(item: &TimelineItem) -> String {
    let who = if item.own { "me".to_owned() } else { line(&item.from) };
    let what = match (&item.text, &item.reason) {
        _ if item.retracted.is_some() => "(taken back)".to_owned(),
        (Some(text), _) => block(text, 4),
        (None, Some(reason)) => format!("(cannot be read: {})", line(reason)),
        (None, None) => "(no text)".to_owned(),
    };
    format!("{}  {who}{}: {what}{}", minute(item.time), marks(item), thoughts(item))
}

/// What people think of a message: each emoji, with their number where that is more than one.
fn thoughts(item: &TimelineItem) -> String {
    let all = item.reactions.iter().map(|one| match one.from.len() {
        1 => line(&one.emoji),
        many => format!("{} {many}", line(&one.emoji)),
    });
    let all: Vec<String> = all.collect();
    if all.is_empty() { String::new() } else { format!("\n    [{}]", all.join(", ")) }
}

/// A message that somebody is to be told of.
pub(crate) fn notification(item: &Notification) -> String {
    found(&item.item)
}

/// A message with the chat before it, where messages of several chats stand together.
pub(crate) fn found(item: &TimelineItem) -> String {
    format!("{}  {}", line(&item.chat), message(item))
}

/// One line of the chat list.
pub(crate) fn chat(item: &ChatItem) -> String {
    let mut out = person(&item.chat, item.name.as_deref());
    if item.unread > 0 {
        out += &format!("  {} unread", thousands(item.unread.into()));
    }
    if item.plain_allowed {
        out += "  [plain text allowed]";
    }
    if item.extras_allowed {
        out += "  [extras allowed in clear]";
    }
    if item.typing {
        out += "  typing…";
    }
    if let Some(last) = &item.last {
        // Further in than the line itself: else what follows a break could pass for one more message.
        out += &format!("\n    {}", message(last).replace('\n', "\n    "));
    }
    out
}

/// One contact.
pub(crate) fn contact(item: &Contact) -> String {
    let mut out = person(&item.jid, item.name.as_deref());
    out += &format!("  subscription {}", line(&item.subscription));
    for (holds, says) in [
        (item.online, "online"),
        (item.asked, "asked, waits for an answer"),
        (item.requests, "asks you"),
        (item.blocked, "blocked"),
    ] {
        if holds {
            out += &format!(", {says}");
        }
    }
    out
}

/// One device.
pub(crate) fn device(item: &DeviceView) -> String {
    let print = if item.fingerprint.is_empty() { "key not known yet" } else { &item.fingerprint };
    let speaks = match item.versions.as_slice() {
        [] => "not on the list".to_owned(),
        versions => format!("OMEMO {}", versions.join(" and ")),
    };
    let mut out = format!("{}  {}  {}  {speaks}", item.device, line(print), trust(item.trust));
    if item.current {
        out += "  (this one)";
    }
    if !item.fingerprint_2.is_empty() {
        out += &format!("\n  where a client of OMEMO 2 shows the Ed25519 key: {}", line(&item.fingerprint_2));
    }
    out
}

/// What a person has to know of a key.
pub(crate) fn alarm(item: &Alarm) -> String {
    let mut out = format!(
        "{}  {}  {}",
        item.alarm,
        minute(item.time),
        about(&item.what, &item.jid, item.device, item.room.as_deref())
    );
    if !item.fingerprint.is_empty() {
        out += &format!("  {}", line(&item.fingerprint));
    }
    if let Some(answer) = &item.answer {
        out += &format!("  ({})", line(answer));
    }
    out
}

fn about(what: &str, jid: &str, device: Option<u32>, room: Option<&str>) -> String {
    let device = device.map(|device| format!(" {device}")).unwrap_or_default();
    let jid = line(jid);
    match what {
        "room_member" => {
            let room = line(room.unwrap_or_default());
            format!("{jid} is a new member of {room} and gets nothing until you decide: `room admit {room} {jid}`")
        }
        "quarantined" => format!("{jid} has a new device{device}, which gets nothing until you decide"),
        "own_returned" => format!("device{device}, which you rejected, is on your own list again"),
        "own_keys" => format!("your server shows other keys than yours for this device{device}"),
        "list_unreadable" => format!("the device list of {jid} is too large to be read: what was known of it stays"),
        "own_unknown" => format!("{jid} is yours: none of your devices announced the new device{device}"),
        "key_changed" => format!("device{device} of {jid} shows another key than before, which is refused"),
        "other_list" => format!("{jid} is shown with other devices here than to their own device{device}"),
        "server_contradicts" => {
            format!("the server of {jid} is not who it was: see `dunnock server`; shown was the key")
        }
        what => format!("{jid}: {}{device}", line(what)),
    }
}

/// Something that happened to the list of one's own devices.
pub(crate) fn own_device_event(item: &OwnDeviceEvent) -> String {
    let mut out = format!("{}  {}", minute(item.time), line(&item.change));
    if let Some(device) = item.device {
        out += &format!("  {device}");
    }
    if let Some(version) = item.version {
        out += &format!("  OMEMO {version}");
    }
    if !item.fingerprint.is_empty() {
        out += &format!("  {}", line(&item.fingerprint));
    }
    out
}

/// How far the push of an account is.
pub(crate) fn push(item: &Push) -> String {
    let mut out = match item.state {
        PushState::Off => "off",
        PushState::Registering => "waits for the app server's answer",
        PushState::Enabling => "waits for the account's server",
        PushState::Enabled => "enabled",
        PushState::Disabling => "off, not all have been told",
    }
    .to_owned();
    if let Some(app_server) = &item.app_server {
        out += &format!(", {}", line(app_server));
    }
    if let Some(error) = &item.error {
        out += &format!(" ({})", line(error));
    }
    out
}

/// What is remembered of a server.
pub(crate) fn server(item: &Server) -> String {
    let plain = match &item.plain_login {
        Some(since) => format!("\nthe password itself may go there (allowed {since})"),
        None => String::new(),
    };
    let mut out = match &item.contradiction {
        Some(since) => format!(
            "contradiction since {since}: nothing is connected. Ask the operator by another way whether what is below is as it \
             should be; `server --accept` takes it so\n"
        ),
        None => String::new(),
    };
    match &item.key {
        Some(key) => {
            let binding = item.binding.as_deref().unwrap_or("nothing: only the certificate speaks for it");
            let since = item.since.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
            out += &format!("key {}, signed by {}{since}\n", key.key, line(&key.issuer));
            out += &format!("login by {}, bound by {}", line(&item.mechanism), line(binding));
            if item.confirms_offer {
                out += ", offer confirmed";
            }
        }
        None => out += "nothing is remembered: the next login is the first",
    }
    out += &plain;
    for change in &item.changes {
        let what = match change.kind {
            ServerChangeKind::Renewed => "new key, proved by the login itself",
            ServerChangeKind::RenewedUnproved => "new key, only its certificate speaks for it",
            ServerChangeKind::Contradiction => "the login was given up",
            ServerChangeKind::Accepted => "accepted as it is",
        };
        out += &format!("\n{} {what}", change.at);
        if let Some(because) = &change.because {
            let cause = ErrorKind::from_code(because).map(ErrorKind::cause);
            out += &format!(" ({})", line(cause.unwrap_or(because)));
        }
        for (name, key) in [("before", &change.before), ("shown", &change.after)] {
            if let Some(key) = key {
                out += &format!("\n  {name} {}, signed by {}", key.key, line(&key.issuer));
            }
        }
    }
    out
}

/// How an account is connected.
pub(crate) fn connection(item: &Connection) -> String {
    let mut out = match item.state {
        State::Offline => "offline",
        State::Connecting => "connecting",
        State::Online => "online",
        State::Refused => "refused",
        State::Contradiction => "the server is not who it was; nothing is sent",
    }
    .to_owned();
    if item.state == State::Online {
        match item.proof {
            Some(Proof::Proved) => out += ", login bound to the channel",
            Some(Proof::Pinned) => out += ", server's key as pinned",
            Some(Proof::FirstUse) => out += ", only the certificate speaks for the server",
            None => {}
        }
        if item.archive == Some(false) {
            out += ", no archive";
        }
        if item.resumable == Some(false) {
            out += ", cannot be resumed";
        }
    }
    if let Some(error) = &item.error {
        let about = item.about.as_deref().map(|about| format!(": {}", line(about))).unwrap_or_default();
        out += &format!(" ({}{about})", line(error));
    }
    out
}

/// One event of `listen`; empty if there is nothing to tell a person.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Connection { connection: item, .. } => format!("-- {}", connection(item)),
        Event::Message { item, .. } | Event::Unreadable { item, .. } => found(item),
        Event::Delivery { message, state, devices, error, .. } => delivery(message, *state, *devices, error.as_deref()),
        Event::Device { jid, device, fingerprint, change, .. } => {
            let print = if fingerprint.is_empty() { String::new() } else { format!(" {}", line(fingerprint)) };
            format!("-- device {device} of {}: {}{print}", line(jid), line(change))
        }
        Event::Changed { item, change, .. } => format!("-- {}: {}", line(change), found(item)),
        Event::Alarm { alarm, what, jid, device, room, .. } => {
            format!("!! {} (alarm {})", about(what, jid, *device, room.as_deref()), line(alarm))
        }
        Event::Room { room, state, reason, flaws, inviter, .. } => {
            let inviter = inviter.as_deref().filter(|_| *state == RoomState::Invited);
            format!("-- {}: {}{}", line(room), rooms::state(*state), rooms::why(reason.as_deref(), flaws, inviter))
        }
        Event::RoomMember { room, jid, change, .. } => {
            format!("-- {}: {} {}", line(room), line(jid), rooms::change(change))
        }
        Event::Typing { chat, typing: true, .. } => format!("-- {} is typing…", line(chat)),
        Event::Typing { .. } => String::new(),
    }
}

/// What became of a message of ours.
pub(crate) fn delivery(message: &str, state: Delivery, devices: Option<Reach>, error: Option<&str>) -> String {
    let mut out = format!("-- {message}: {}", state.code());
    if let Some(Reach { reached, known }) = devices
        && reached < known
    {
        out += &format!(" to {reached} of {known} devices");
    }
    if let Some(error) = error {
        out += &format!(" ({})", line(error));
    }
    out
}

/// A number with its thousands apart: `1,240`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `name <jid>`, or the JID alone.
fn person(jid: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("{} <{}>", line(name), line(jid)),
        _ => line(jid),
    }
}

/// What is worth knowing about a message beside its text.
fn marks(item: &TimelineItem) -> String {
    let mut marks = Vec::new();
    // What was not encrypted yet, or never was, says nothing of how it goes out.
    let gone = !matches!(item.state, Some(Delivery::Waiting | Delivery::Failed));
    if item.sealed == Sealing::None && item.text.is_some() && gone {
        marks.push("plain text".to_owned());
    }
    if matches!(item.trust, Some(Trust::Undecided | Trust::Distrusted)) {
        marks.push(format!("device {}", item.trust.map(trust).unwrap_or_default()));
    }
    if item.edited.is_some() {
        marks.push("edited".to_owned());
    }
    if let Some(claimed) = item.claimed {
        marks.push(format!("claims to be of {}", minute(claimed)));
    }
    if let Some(state) = item.state.filter(|_| item.own) {
        let some = item.devices.filter(|reach| reach.reached < reach.known);
        let some = some.map(|reach| format!(" to {} of {} devices", reach.reached, reach.known)).unwrap_or_default();
        let why = item.error.as_deref().map(|error| format!(": {}", line(error))).unwrap_or_default();
        marks.push(format!("{}{some}{why}", state.code()));
    }
    if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) }
}

fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Undecided => "undecided",
        Trust::FirstUse => "first use",
        Trust::Vouched => "vouched for",
        Trust::Verified => "verified",
        Trust::Distrusted => "distrusted",
    }
}

/// Day and minute, UTC.
fn minute(time: Time) -> String {
    let text = time.to_string();
    match text.get(..16) {
        Some(start) => format!("{}Z", start.replace('T', " ")),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: Option<&str>) -> TimelineItem {
        TimelineItem {
            message: "7".into(),
            chat: "romeo@b".into(),
            origin_id: None,
            stanza_id: None,
            from: "romeo@b".into(),
            text: text.map(str::to_owned),
            sealed: Sealing::Full,
            device: Some(3),
            trust: Some(Trust::FirstUse),
            time: Time(1_763_782_380_000),
            own: false,
            state: None,
            devices: None,
            error: None,
            reason: None,
            reply_to: None,
            edited: None,
            retracted: None,
            claimed: None,
            reactions: Vec::new(),
        }
    }

    #[test]
    fn a_sealed_message_needs_no_mark_and_a_plain_one_gets_it() {
        assert_eq!(message(&row(Some("hi"))), "2025-11-22 03:33Z  romeo@b: hi");
        let plain = TimelineItem { sealed: Sealing::None, ..row(Some("hi")) };
        assert_eq!(message(&plain), "2025-11-22 03:33Z  romeo@b [plain text]: hi");
        let waits = TimelineItem { own: true, state: Some(Delivery::Waiting), ..plain };
        assert_eq!(message(&waits), "2025-11-22 03:33Z  me [waiting]: hi");
        let doubtful = TimelineItem { trust: Some(Trust::Undecided), ..row(Some("hi")) };
        assert!(message(&doubtful).contains("[device undecided]"));
        let ours = TimelineItem { own: true, ..doubtful };
        assert!(
            message(&ours).contains("me [device undecided]"),
            "a device on our list that nobody decided on is not us"
        );
        let some = TimelineItem { devices: Some(Reach { reached: 2, known: 3 }), state: Some(Delivery::Sent), ..ours };
        assert!(message(&some).contains("sent to 2 of 3 devices"));
    }

    #[test]
    fn nobody_writes_a_line_in_anothers_name() {
        let forged = message(&row(Some("x\n2025-11-22 03:34Z  juliet@a: I quit")));
        assert!(forged.lines().skip(1).all(|line| line.starts_with("    ")));
        let named = TimelineItem { from: "romeo@b\u{1b}[8m\nme".into(), ..row(Some("x")) };
        assert!(!message(&named).contains(['\u{1b}', '\n']));
    }

    #[test]
    fn nobody_writes_a_line_of_the_chat_list_either() {
        let item = ChatItem {
            chat: "romeo@b".into(),
            name: None,
            unread: 1,
            last: Some(row(Some("x\n2025-11-22 03:34Z  me: I quit"))),
            sealed: Sealing::Full,
            plain_allowed: false,
            extras_allowed: false,
            room: false,
            typing: false,
        };
        let shown = chat(&item);
        assert_eq!(shown.lines().filter(|line| !line.starts_with("        ")).count(), 2, "{shown}");
    }

    #[test]
    fn a_device_that_is_on_no_list_is_shown_so() {
        let view = |versions: &[&'static str]| DeviceView {
            device: 5,
            fingerprint_2: String::new(),
            fingerprint: String::new(),
            trust: Trust::Distrusted,
            versions: versions.to_vec(),
            own: true,
            current: false,
        };
        assert_eq!(device(&view(&[])), "5  key not known yet  distrusted  not on the list");
        assert!(device(&view(&["0.3", "2"])).ends_with("OMEMO 0.3 and 2"));
    }

    #[test]
    fn names_and_reasons_are_made_harmless_too() {
        let contact_row = Contact {
            jid: "r@b".into(),
            name: Some("R\u{202e}o".into()),
            subscription: "both\u{7}".into(),
            asked: false,
            requests: false,
            blocked: false,
            online: true,
        };
        assert_eq!(contact(&contact_row), "R\\u{202e}o <r@b>  subscription both\\u{7}, online");
        let unreadable = TimelineItem { reason: Some("\u{9b}2J".into()), ..row(None) };
        assert!(message(&unreadable).ends_with("(cannot be read: \\u{9b}2J)"));
    }

    #[test]
    fn thousands_stand_apart() {
        let numbers = [0, 999, 1240, 1_000_000];
        assert_eq!(numbers.map(thousands), ["0", "999", "1,240", "1,000,000"]);
    }
}
