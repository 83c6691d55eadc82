//! Push Notifications (XEP-0357): our server publishes to a node of an app server, which wakes this device.
//!
//! First our server is asked whether it can. Only then the app server hears of us: this device is registered by an ad-hoc
//! command (XEP-0050) that answers where to publish, and our server is told to publish there. The last step is taken on each
//! new stream, as servers tie it to the session. What is published says that something came, and nothing of it.

use super::want::{Answer, Kind, Question};
use super::xml::{Build, child_text, clean, el};
use super::{Ctx, ns, pubsub};
use crate::command::{Platform, PushService};
use crate::error::{Error, ErrorKind, Result};
use crate::store::push::PushNode;
use crate::store::want::WantRow;
use jid::Jid;
use minidom::Element;

/// The longest values taken from a person and from an app server, bytes.
const LONGEST_TOKEN: usize = 4096;
const LONGEST: usize = 1024;
const LONGEST_DEVICE: usize = 255;
/// How long to wait before one who could not answer is asked again; doubled each time, milliseconds.
const PAUSE: i64 = 60_000;

/// A person wants to be woken.
pub(crate) fn enable(ctx: &mut Ctx, mut service: PushService) -> Result<()> {
    service.app_server = crate::address::bare(&service.app_server)?.to_string();
    if service.app_server == ctx.me.jid.as_str() {
        return Err(Error::about(ErrorKind::InvalidJid, service.app_server));
    }
    for (name, value, longest) in
        [("token", &service.token, LONGEST_TOKEN), ("device", &service.device, LONGEST_DEVICE)]
    {
        if value.is_empty() || value.len() > longest || clean(value) != *value {
            return Err(Error::about(ErrorKind::InvalidInput, name));
        }
    }
    let before = ctx.tx.push()?;
    if before.as_ref().is_none_or(|before| before.service != service) {
        if let Some(before) = before {
            // The same device at the same app server has a new token: the new registration takes the old one's place.
            let same = before.service.app_server == service.app_server && before.service.device == service.device;
            take_back(ctx, !same)?;
        }
        ctx.tx.set_push(&service)?;
    }
    ctx.tx.unwant(Kind::PushUnregister.code(), &service.app_server, &unregister_arg(&service))?;
    ctx.tx.set_push_error(None)?;
    begin(ctx)
}

/// A person wants to be woken no more.
pub(crate) fn disable(ctx: &mut Ctx) -> Result<()> {
    take_back(ctx, true)?;
    ctx.tx.drop_push()
}

/// Wants others to forget what they were told; the app server only if `unregister`.
fn take_back(ctx: &mut Ctx, unregister: bool) -> Result<()> {
    let Some(row) = ctx.tx.push()? else { return Ok(()) };
    let asked = ctx.tx.find_want(Kind::PushRegister.code(), &row.service.app_server, "")?;
    for kind in [Kind::PushDisco, Kind::PushRegister, Kind::PushEnable] {
        ctx.tx.unwant_kind(kind.code())?;
    }
    if let Some(at) = &row.at {
        ctx.want_about(Kind::PushDisable, &at.jid, &at.node)?;
    }
    // Before it was asked it knows nothing of us, and need not hear of us now.
    if unregister && (row.at.is_some() || asked.is_some_and(|want| want.tries > 0)) {
        ctx.want_of(Kind::PushUnregister, &row.service.app_server, &unregister_arg(&row.service))?;
    }
    Ok(())
}

/// A new stream, or a new wish: all the steps once more, as far as they were taken.
pub(crate) fn begin(ctx: &mut Ctx) -> Result<()> {
    for kind in [Kind::PushRegister, Kind::PushEnable] {
        ctx.tx.unwant_kind(kind.code())?;
    }
    match ctx.tx.push()? {
        Some(_) => ctx.want_own(Kind::PushDisco, ""),
        None => Ok(()),
    }
}

/// Our server told whether it sends pushes.
pub(crate) fn server_known(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(row)?;
    let Some(push) = ctx.tx.push()? else { return Ok(()) };
    let query = match answer {
        Answer::Result(iq) => iq.get_child("query", ns::DISCO_INFO),
        Answer::Error(..) => None,
    };
    let mut features = query.into_iter().flat_map(|query| query.children());
    if !features.any(|child| child.is("feature", ns::DISCO_INFO) && child.attr("var") == Some(ns::PUSH)) {
        ctx.tx.push_not_enabled()?;
        return ctx.tx.set_push_error(Some(ErrorKind::PushUnsupported));
    }
    match push.at {
        Some(_) => ctx.want_own(Kind::PushEnable, ""),
        None => ctx.want_of(Kind::PushRegister, &push.service.app_server, ""),
    }
}

/// Words a want about pushes; none if what it is about has changed meanwhile.
pub(crate) fn question(ctx: &Ctx, kind: Kind, row: &WantRow) -> Result<Option<Question>> {
    let push = ctx.tx.push()?;
    let at = push.as_ref().and_then(|push| push.at.as_ref());
    Ok(match kind {
        Kind::PushRegister => push.map(|push| register(&push.service)),
        Kind::PushEnable => at.map(|at| Question::set(enable_request(at))),
        // A node that was given out again is not to be taken back.
        Kind::PushDisable if at.is_some_and(|at| at.jid == row.jid && at.node == row.arg) => None,
        Kind::PushDisable => Some(Question::set(el("disable", ns::PUSH).at("jid", &*row.jid).at("node", &*row.arg))),
        _ => row.arg.split_once(' ').and_then(|(platform, device)| {
            let platform = Platform::from_code(platform)?;
            Some(command("unregister-push", platform, vec![(device_field(platform), device)]))
        }),
    })
}

fn unregister_arg(service: &PushService) -> String {
    format!("{} {}", service.platform.code(), service.device)
}

fn register(service: &PushService) -> Question {
    let fields = vec![("token", &*service.token), (device_field(service.platform), &*service.device)];
    command("register-push", service.platform, fields)
}

/// What app servers call the installation's own name, by platform.
fn device_field(platform: Platform) -> &'static str {
    match platform {
        Platform::Fcm => "android-id",
        Platform::Apns => "device-id",
    }
}

/// Carries out a command with all that it needs in its first form (XEP-0050 section 2.4, of which this is the short way).
fn command(name: &str, platform: Platform, fields: Vec<(&str, &str)>) -> Question {
    let node = format!("{name}-{}", platform.code());
    let field =
        |(name, value): (&str, &str)| el("field", ns::DATA).at("var", name).kid(el("value", ns::DATA).words(value));
    let form = el("x", ns::DATA).at("type", "submit").kids(fields.into_iter().map(field));
    Question::set(el("command", ns::COMMANDS).at("node", node).at("action", "execute").kid(form))
}

fn enable_request(at: &PushNode) -> Element {
    let options = at.secret.as_ref().map(|secret| pubsub::form(ns::PUBLISH_OPTIONS, &[("secret", secret)]));
    el("enable", ns::PUSH).at("jid", &*at.jid).at("node", &*at.node).kids(options)
}

/// The app server does not answer. It is asked again, ever more rarely.
pub(crate) fn unanswered(ctx: &Ctx) -> Result<()> {
    ctx.tx.set_push_error(Some(ErrorKind::PushSilent))
}

/// The app server answered where to publish, or refused.
pub(crate) fn registered(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    let iq = match answer {
        Answer::Result(iq) => iq,
        Answer::Error(condition, iq) => return refused(ctx, row, &condition, iq),
    };
    ctx.drop_want(row)?;
    let Some(push) = ctx.tx.push()? else { return Ok(()) };
    match answered_node(&push.service, iq) {
        Some(at) => {
            ctx.tx.unwant(Kind::PushDisable.code(), &at.jid, &at.node)?;
            ctx.tx.push_registered(&at)?;
            ctx.want_own(Kind::PushEnable, "")
        }
        None => {
            ctx.tx.count("push_answer_odd")?;
            ctx.tx.set_push_error(Some(ErrorKind::PushAnswer))
        }
    }
}

/// Where to publish, if the answer is one to our command and names a node of the app server's own domain: another's would
/// have our server publish to whomever it names.
fn answered_node(service: &PushService, iq: &Element) -> Option<PushNode> {
    let command = iq.get_child("command", ns::COMMANDS)?;
    let asked = format!("register-push-{}", service.platform.code());
    if command.attr("status") != Some("completed") || command.attr("node").is_some_and(|node| node != asked) {
        return None;
    }
    let form = command.get_child("x", ns::DATA)?;
    let value = |name: &str| {
        let mut fields = form.children().filter(|child| child.is("field", ns::DATA));
        let field = fields.find(|field| field.attr("var") == Some(name))?;
        child_text(field, "value", ns::DATA).filter(|value| !value.is_empty())
    };
    let (jid, node, secret) = (value("jid")?, value("node")?, value("secret"));
    let (said, own) = (Jid::new(&jid).ok()?, Jid::new(&service.app_server).ok()?);
    let fits = |value: &str| value.len() <= LONGEST && clean(value) == value;
    let short = fits(&jid) && fits(&node) && secret.as_deref().is_none_or(fits);
    (said.domain() == own.domain() && short).then(|| PushNode { jid: said.to_string(), node, secret })
}

/// Our server agreed to publish, or did not.
pub(crate) fn enabled(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    match answer {
        Answer::Result(_) => {
            ctx.drop_want(row)?;
            ctx.tx.push_enabled(ctx.stream)
        }
        Answer::Error(condition, iq) => {
            ctx.tx.push_not_enabled()?;
            refused(ctx, row, &condition, iq)
        }
    }
}

/// A step was refused: for now, then it is taken again later; or for good, then on the next stream.
fn refused(ctx: &mut Ctx, row: &WantRow, condition: &str, iq: &Element) -> Result<()> {
    ctx.tx.count("push_refused")?;
    let unreachable = matches!(condition, "remote-server-not-found" | "remote-server-timeout");
    let waits = iq.get_child("error", ns::CLIENT).is_some_and(|error| error.attr("type") == Some("wait"));
    let own_cannot =
        row.kind == Kind::PushEnable.code() && matches!(condition, "service-unavailable" | "feature-not-implemented");
    ctx.tx.set_push_error(Some(match condition {
        _ if unreachable => ErrorKind::PushSilent,
        _ if own_cannot => ErrorKind::PushUnsupported,
        _ => ErrorKind::PushRefused,
    }))?;
    match unreachable || waits {
        true => ctx.later(row, PAUSE << row.tries.min(6)),
        false => ctx.drop_want(row),
    }
}

#[cfg(test)]
mod tests;
