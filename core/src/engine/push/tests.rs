use super::super::roster::tests::{juliet, sent, xml};
use super::super::want;
use super::*;
use crate::command::Command;

const APP: &str = "push.example";

fn service(token: &str) -> PushService {
    PushService { app_server: APP.into(), platform: Platform::Fcm, token: token.into(), device: "phone".into() }
}

/// The questions put since the last call.
fn asked(ctx: &mut Ctx) -> Vec<Element> {
    ctx.ask_due().unwrap();
    let all = sent(ctx);
    ctx.tx.reset_outgoing().unwrap();
    all
}

/// Answers a question with this payload.
fn answer(ctx: &mut Ctx, asked: &Element, kind: &str, payload: &str) {
    answer_from(ctx, asked, asked.attr("to"), kind, payload);
}

fn answer_from(ctx: &mut Ctx, asked: &Element, from: Option<&str>, kind: &str, payload: &str) {
    let from = from.map(|jid| format!(" from='{jid}'")).unwrap_or_default();
    let id = asked.attr("id").unwrap();
    let iq = xml(&format!("<iq xmlns='jabber:client' type='{kind}' id='{id}'{from}>{payload}</iq>"));
    want::answered(ctx, &iq).unwrap();
}

const CAN: &str = "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:push:0'/></query>";

fn completed(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| format!("<field var='{name}'><value>{value}</value></field>");
    let fields: String = fields.iter().map(field).collect();
    format!(
        "<command xmlns='http://jabber.org/protocol/commands' node='register-push-fcm' status='completed'>
         <x xmlns='jabber:x:data' type='form'>{fields}</x></command>"
    )
}

fn right() -> String {
    completed(&[("jid", APP), ("node", "n1"), ("secret", "s1")])
}

fn error(ctx: &Ctx) -> Option<String> {
    ctx.tx.look().query_row("SELECT error FROM push", [], |row| row.get(0)).unwrap()
}

fn stream(ctx: &Ctx) -> i64 {
    ctx.tx.look().query_row("SELECT stream FROM push", [], |row| row.get(0)).unwrap()
}

/// Up to the question to the app server.
fn registering(ctx: &mut Ctx) -> Element {
    enable(ctx, service("t1")).unwrap();
    let disco = asked(ctx);
    assert_eq!((disco.len(), disco[0].attr("to")), (1, None));
    answer(ctx, &disco[0], "result", CAN);
    let mut register = asked(ctx);
    assert_eq!((register.len(), register[0].attr("to")), (1, Some(APP)));
    register.remove(0)
}

/// Up to the end.
fn enabled_with(ctx: &mut Ctx) {
    let register = registering(ctx);
    answer(ctx, &register, "result", &right());
    let enable = asked(ctx);
    assert_eq!(enable.len(), 1);
    answer(ctx, &enable[0], "result", "");
    assert_eq!((stream(ctx), error(ctx)), (ctx.stream, None));
}

#[test]
fn our_server_is_asked_first_then_the_app_server_and_the_node_is_enabled_with_its_secret() {
    juliet(|ctx| {
        let register = registering(ctx);
        let text = String::from(&register).replace('"', "'");
        for part in ["node='register-push-fcm'", "action='execute'", ">t1<", "android-id", ">phone<"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        answer(ctx, &register, "result", &right());
        let enable = asked(ctx).remove(0);
        assert_eq!(enable.attr("to"), None);
        let payload = enable.get_child("enable", ns::PUSH).unwrap();
        assert_eq!((payload.attr("jid"), payload.attr("node")), (Some(APP), Some("n1")));
        let options = String::from(payload);
        assert!(options.contains("s1") && options.contains(ns::PUBLISH_OPTIONS));
        assert_eq!(stream(ctx), 0);
        answer(ctx, &enable, "result", "");
        assert_eq!((stream(ctx), error(ctx)), (ctx.stream, None));
        assert!(asked(ctx).is_empty());
    });
}

#[test]
fn a_server_without_pushes_keeps_us_from_the_app_server() {
    juliet(|ctx| {
        enable(ctx, service("t1")).unwrap();
        let disco = asked(ctx).remove(0);
        answer(ctx, &disco, "result", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
        assert_eq!(error(ctx).as_deref(), Some("push_unsupported"));
        assert!(asked(ctx).is_empty());
        // It never heard of us, so it need not hear that we go.
        disable(ctx).unwrap();
        assert!(asked(ctx).is_empty());
    });
}

#[test]
fn a_lying_app_server_enables_nothing() {
    let lies = [
        completed(&[("jid", "elsewhere.example"), ("node", "n1"), ("secret", "s1")]),
        completed(&[("jid", "juliet@capulet.example"), ("node", "n1")]),
        completed(&[("jid", "no jid@@"), ("node", "n1")]),
        completed(&[("jid", APP), ("secret", "s1")]),
        completed(&[("jid", APP), ("node", "")]),
        completed(&[("jid", APP), ("node", &"n".repeat(2000))]),
        right().replace("completed", "executing"),
        right().replace("register-push-fcm", "register-push-apns"),
        right().replace("jabber:x:data", "jabber:x:other"),
        String::new(),
        "<query xmlns='garbage'/>".into(),
    ];
    for lie in lies {
        juliet(|ctx| {
            let register = registering(ctx);
            answer(ctx, &register, "result", &lie);
            assert_eq!(error(ctx).as_deref(), Some("push_answer"), "{lie}");
            assert!(asked(ctx).is_empty(), "{lie}");
            // A new stream is a new try.
            begin(ctx).unwrap();
            assert_eq!(asked(ctx).len(), 1);
        });
    }
}

#[test]
fn the_answer_of_another_is_none() {
    juliet(|ctx| {
        let register = registering(ctx);
        for other in [Some("elsewhere.example"), Some("push.example/other"), Some("romeo@montague.example"), None] {
            answer_from(ctx, &register, other, "result", &right());
        }
        assert_eq!(ctx.tx.counted("answer_forged"), 4);
        assert!(asked(ctx).is_empty() && error(ctx).is_none());
        answer(ctx, &register, "result", &right());
        assert_eq!(asked(ctx).len(), 1);
    });
}

#[test]
fn an_app_server_that_hangs_is_asked_on_ever_more_rarely() {
    juliet(|ctx| {
        registering(ctx);
        let (mut pauses, begun) = (Vec::new(), ctx.now.wall);
        for _ in 0..14 {
            let due = ctx.tx.next_due().unwrap().unwrap();
            pauses.push(due - ctx.now.wall);
            ctx.now.wall = due;
            let again = asked(ctx);
            assert_eq!((again.len(), again[0].attr("to")), (1, Some(APP)));
            assert_eq!(error(ctx).as_deref(), Some("push_silent"));
        }
        assert!(pauses.is_sorted() && pauses[1] == 2 * pauses[0], "{pauses:?}");
        assert!(ctx.now.wall - begun > 12 * 3600 * 1000);
    });
}

#[test]
fn an_error_of_the_app_server_is_told_and_tried_again_when_it_may_pass() {
    let wait = "<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let gone = "<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let no = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (refusal, kind, again) in [(wait, "push_refused", 1), (gone, "push_silent", 1), (no, "push_refused", 0)] {
        juliet(|ctx| {
            let register = registering(ctx);
            answer(ctx, &register, "error", refusal);
            assert_eq!(error(ctx).as_deref(), Some(kind));
            assert!(asked(ctx).is_empty());
            ctx.now.wall += 10 * PAUSE;
            assert_eq!(asked(ctx).len(), again, "{refusal}");
        });
    }
}

#[test]
fn each_new_stream_enables_again_without_a_new_registration() {
    juliet(|ctx| {
        enabled_with(ctx);
        ctx.stream += 1;
        begin(ctx).unwrap();
        let disco = asked(ctx).remove(0);
        answer(ctx, &disco, "result", CAN);
        let enable = asked(ctx);
        assert!(enable.len() == 1 && enable[0].has_child("enable", ns::PUSH));
        answer(ctx, &enable[0], "result", "");
        assert_eq!(stream(ctx), ctx.stream);
    });
}

#[test]
fn our_server_may_refuse_to_publish() {
    let no = "<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    juliet(|ctx| {
        let register = registering(ctx);
        answer(ctx, &register, "result", &right());
        let enable = asked(ctx).remove(0);
        answer(ctx, &enable, "error", no);
        assert_eq!((stream(ctx), error(ctx).as_deref()), (0, Some("push_unsupported")));
    });
}

#[test]
fn disabling_tells_both_until_they_answered() {
    juliet(|ctx| {
        enabled_with(ctx);
        super::super::commands::carry_out(ctx, Command::DisablePush).unwrap();
        assert!(ctx.tx.push().unwrap().is_none());
        let both = asked(ctx);
        let disable = both.iter().find(|iq| iq.has_child("disable", ns::PUSH)).unwrap();
        let payload = disable.get_child("disable", ns::PUSH).unwrap();
        assert_eq!((payload.attr("jid"), payload.attr("node"), disable.attr("to")), (Some(APP), Some("n1"), None));
        let unregister = both.iter().find(|iq| iq.attr("to") == Some(APP)).unwrap();
        let text = String::from(unregister);
        assert!(text.contains("unregister-push-fcm") && text.contains(">phone<") && !text.contains("t1"), "{text}");
        // A crash or a new stream in between: they are told again.
        ctx.tx.reset_wants(ctx.now.wall).unwrap();
        let both = asked(ctx);
        assert_eq!(both.len(), 2);
        for iq in &both {
            answer(ctx, iq, "error", "");
        }
        ctx.tx.reset_wants(ctx.now.wall).unwrap();
        assert!(asked(ctx).is_empty());
    });
}

#[test]
fn a_new_token_takes_the_old_ones_place() {
    juliet(|ctx| {
        enabled_with(ctx);
        enable(ctx, service("t2")).unwrap();
        let both = asked(ctx);
        assert!(both.len() == 2 && both.iter().any(|iq| iq.has_child("disable", ns::PUSH)), "no unregistration");
        let disco = both.iter().find(|iq| iq.has_child("query", ns::DISCO_INFO)).unwrap();
        answer(ctx, disco, "result", CAN);
        let register = asked(ctx).remove(0);
        assert!(String::from(&register).contains("t2"));
        // The same node again: it is not taken back after all.
        answer(ctx, &register, "result", &right());
        let enable = asked(ctx);
        assert!(enable.len() == 1 && enable[0].has_child("enable", ns::PUSH));
        ctx.tx.reset_wants(ctx.now.wall).unwrap();
        assert!(!asked(ctx).iter().any(|iq| iq.has_child("disable", ns::PUSH)));
    });
}

#[test]
fn enabling_again_stops_a_removal_under_way() {
    juliet(|ctx| {
        enabled_with(ctx);
        disable(ctx).unwrap();
        enable(ctx, service("t1")).unwrap();
        assert!(asked(ctx).iter().all(|iq| iq.attr("to") != Some(APP)));
    });
}

#[test]
fn what_cannot_be_a_service_is_refused_by_name() {
    juliet(|ctx| {
        for (service, subject) in [
            (PushService { app_server: "a b".into(), ..service("t") }, "a b"),
            (PushService { app_server: "juliet@capulet.example".into(), ..service("t") }, "juliet@capulet.example"),
            (service(""), "token"),
            (service("\u{1}"), "token"),
            (PushService { device: "d".repeat(256), ..service("t") }, "device"),
        ] {
            assert_eq!(enable(ctx, service).unwrap_err().subject, subject);
        }
        assert!(ctx.tx.push().unwrap().is_none());
    });
}
