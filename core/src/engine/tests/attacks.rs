//! What others try: forged wrappers, reused ids, strangers' receipts.

use super::*;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

#[test]
fn a_carbon_from_anybody_but_ourselves_is_dropped() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let carbon = |from: &str| {
        format!(
            "<message xmlns='jabber:client' from='{from}' to='{JULIET}'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>
             <message xmlns='jabber:client' from='{ROMEO}/x' to='{JULIET}' type='chat' id='a'><body>I never said that</body></message>
             </forwarded></received></message>"
        )
    };
    for from in ["tybalt@capulet.lit", "tybalt@capulet.lit/x", "capulet.lit", "juliet@capulet.lit/mallory"] {
        world.deliver(juliet, &carbon(from));
    }
    assert!(world.texts(juliet, ROMEO).is_empty());
    assert_eq!(world.tx(juliet, |tx| tx.counted("carbon_forged")), 4);
    world.deliver(juliet, &carbon(JULIET));
    assert_eq!(world.texts(juliet, ROMEO), ["I never said that"]);
}

#[test]
fn an_archive_result_that_was_not_asked_for_is_dropped() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    // Also while it is asked for something, another client of ours is not the archive.
    world.connect(juliet);
    for from in ["juliet@capulet.lit/mallory", "tybalt@capulet.lit"] {
        world.deliver(
            juliet,
            &format!(
                "<message xmlns='jabber:client' from='{from}' to='{JULIET}'><result xmlns='urn:xmpp:mam:2' id='1' queryid='catch-up-2'>
                 <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{ROMEO}' to='{JULIET}' type='chat' id='a'>
                 <body>forged</body></message></forwarded></result></message>"
            ),
        );
    }
    assert!(world.texts(juliet, ROMEO).is_empty());
    assert_eq!(world.tx(juliet, |tx| tx.counted("archive_forged")), 2);
}

#[test]
fn a_pre_empted_id_hides_no_message() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let message = |from: &str, body: &str| {
        format!(
            "<message xmlns='jabber:client' from='{from}' to='{JULIET}' type='chat' id='same'><body>{body}</body></message>"
        )
    };
    world.deliver(juliet, &message("tybalt@capulet.lit/x", "mine first"));
    world.deliver(juliet, &message("romeo@montague.lit/x", "the true one"));
    world.deliver(juliet, &message("romeo@montague.lit/x", "the true one"));
    world.deliver(juliet, &message("romeo@montague.lit/x", "changed"));
    assert_eq!(world.texts(juliet, ROMEO), ["the true one", "changed"]);
    assert_eq!(world.texts(juliet, "tybalt@capulet.lit"), ["mine first"]);
}

#[test]
fn a_stanza_id_of_another_archive_hides_no_message() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    for (id, body) in [("a", "one"), ("b", "two")] {
        world.deliver(
            juliet,
            &format!(
                "<message xmlns='jabber:client' from='{ROMEO}/x' to='{JULIET}' type='chat' id='{id}'><body>{body}</body>
                 <stanza-id xmlns='urn:xmpp:sid:0' by='{ROMEO}' id='1'/></message>"
            ),
        );
    }
    assert_eq!(world.texts(juliet, ROMEO), ["one", "two"]);
}

#[test]
fn a_receipt_of_a_stranger_changes_nothing() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.device("romeo@montague.lit/orchard");
    world.devices[1].holds = true;
    let Reply::Sent { message, origin_id } = world.say(juliet, ROMEO, "for Romeo").unwrap() else { panic!() };
    world.settle();
    let receipt = |from: &str| {
        format!(
            "<message xmlns='jabber:client' from='{from}' to='{JULIET}'><received xmlns='urn:xmpp:receipts' id='{origin_id}'/></message>"
        )
    };
    world.deliver(juliet, &receipt("tybalt@capulet.lit/x"));
    assert!(world.state(juliet, message.parse().unwrap()) < Some(Delivery::Delivered));
    // Nor does one in clear that names Romeo: what was sealed whole is confirmed sealed.
    world.deliver(juliet, &receipt("romeo@montague.lit/orchard"));
    assert!(world.state(juliet, message.parse().unwrap()) < Some(Delivery::Delivered));
    world.devices[1].holds = false;
    for stanza in std::mem::take(&mut world.devices[1].held) {
        world.input(1, Input::Stanza(Arrived::Whole(stanza)));
    }
    world.settle();
    assert_eq!(world.state(juliet, message.parse().unwrap()), Some(Delivery::Delivered));
}

#[test]
fn an_answer_from_another_than_the_one_asked_is_dropped() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.device("romeo@montague.lit/orchard");
    world.say(juliet, ROMEO, "hold").unwrap();
    // The questions for Romeo's lists are out; Tybalt answers first, with his own device.
    let rows = world.tx(juliet, |tx| tx.outgoing_after(world_token(), 64).unwrap());
    let question: Element = String::from_utf8(rows.last().unwrap().1.clone()).unwrap().parse().unwrap();
    let id = question.attr("id").unwrap();
    world.deliver(
        juliet,
        &format!(
            "<iq xmlns='jabber:client' type='result' id='{id}' from='tybalt@capulet.lit'><pubsub xmlns='http://jabber.org/protocol/pubsub'>
             <items node='urn:xmpp:omemo:2:devices'><item id='current'><devices xmlns='urn:xmpp:omemo:2'><device id='666'/></devices></item></items>
             </pubsub></iq>"
        ),
    );
    assert_eq!(world.tx(juliet, |tx| tx.counted("answer_forged")), 1);
    world.settle();
    assert!(world.tx(juliet, |tx| tx.device(ROMEO, 666).unwrap()).is_none());
}

fn world_token() -> i64 {
    0
}

#[test]
fn an_unknown_request_gets_an_error_and_no_version() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.deliver(juliet, "<iq xmlns='jabber:client' type='get' id='v' from='tybalt@capulet.lit/x'><query xmlns='jabber:iq:version'/></iq>");
    world.settle();
    let answer = world.server.tap.last().unwrap();
    assert_eq!((answer.attr("id"), answer.attr("type")), (Some("v"), Some("error")));
    assert!(String::from(answer).contains("service-unavailable"));
}

#[test]
fn a_sender_that_cannot_be_read_is_not_taken_for_ourselves() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.devices[romeo].holds = true;
    let Reply::Sent { message, origin_id } = world.say(juliet, ROMEO, "for Romeo").unwrap() else { panic!() };
    world.settle();
    let nobody = "ty balt@capulet.lit/x";
    world.deliver(
        juliet,
        &format!(
            "<message xmlns='jabber:client' from='{nobody}'><event xmlns='http://jabber.org/protocol/pubsub#event'>
             <items node='urn:xmpp:omemo:2:devices'><item id='current'><devices xmlns='urn:xmpp:omemo:2'><device id='666'/></devices></item></items>
             </event></message>"
        ),
    );
    assert!(world.tx(juliet, |tx| tx.device(JULIET, 666).unwrap()).is_none());
    world.deliver(
        juliet,
        &format!(
            "<message xmlns='jabber:client' type='error' from='{nobody}' id='{origin_id}'><error xmlns='jabber:client' type='cancel'/></message>"
        ),
    );
    assert_eq!(world.state(juliet, message.parse().unwrap()), Some(Delivery::Sent));
}

#[test]
fn only_our_own_side_says_since_when_a_live_message_is_under_way() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let (early, late) = ("2023-11-14T20:00:00Z", "2023-11-14T22:00:00Z");
    let delay = |from: &str, stamp: &str| format!("<delay xmlns='urn:xmpp:delay'{from} stamp='{stamp}'/>");
    let now = crate::model::Time(world.now).to_string();
    let mut sent = |delays: String| {
        let id = world.server.next;
        world.server.next += 1;
        world.deliver(
            juliet,
            &format!(
                "<message xmlns='jabber:client' from='tybalt@montague.lit/x' to='{JULIET}' type='chat' id='{id}'>
                 <body>I said so {id}</body>{delays}</message>"
            ),
        );
        let connection = world.devices[juliet].store.read();
        let time: i64 = connection.query_row("SELECT max(sent) FROM message", [], |row| row.get(0)).unwrap();
        connection.execute("DELETE FROM message", []).unwrap();
        crate::model::Time(time).to_string()
    };
    for stranger in
        ["", " from='montague.lit'", " from='tybalt@montague.lit'", " from='juliet@capulet.lit/x'", " from=''"]
    {
        assert_eq!(sent(delay(stranger, early)), now, "{stranger}");
    }
    for ours in [" from='capulet.lit'", " from='juliet@capulet.lit'"] {
        assert_eq!(sent(delay(ours, early)), "2023-11-14T20:00:00.000Z", "{ours}");
    }
    let both = delay(" from='capulet.lit'", early) + &delay(" from='capulet.lit'", late);
    assert_eq!(sent(both), "2023-11-14T22:00:00.000Z");
}

#[test]
fn a_type_that_nobody_knows_hides_no_message() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    for kind in ["chat", "", "shout", "headline", "groupchat", "error"] {
        world.deliver(
            juliet,
            &format!(
                "<message xmlns='jabber:client' from='{ROMEO}/x' to='{JULIET}' type='{kind}' id='{kind}'>
                 <body>as {kind}</body></message>"
            ),
        );
    }
    assert_eq!(world.texts(juliet, ROMEO), ["as chat", "as ", "as shout"]);
}

/// A stanza as the wire tells it when it is too large, behind the beginning of the message in its wrapper.
fn cut(stanza: &Element) -> Arrived {
    let text = String::from(stanza);
    let end = |from: &str, end: &str| from.find(end).map_or(from.len(), |at| at + end.len());
    let inner = text.rfind("<message").unwrap();
    let head = &text[..inner + end(&text[inner..], ">")];
    let tail = &text[text.rfind("</message></forwarded>").unwrap()..];
    Arrived::Oversized { stump: format!("{head}{tail}").parse().unwrap(), bytes: 2 << 20 }
}

#[test]
fn an_archived_message_that_is_too_large_leaves_one_row() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.says(juliet, ROMEO, "one");
    world.cut(romeo);
    world.says(juliet, ROMEO, "a whole library");
    for _ in 0..2 {
        world.connect(romeo);
        world.devices[romeo].holds = true;
        world.settle();
        for stanza in std::mem::take(&mut world.devices[romeo].held) {
            let said = String::from(&stanza);
            let hers = said.contains("from='juliet@capulet.lit/balcony'")
                || said.contains("from=\"juliet@capulet.lit/balcony\"");
            let large = hers && said.contains("<payload") && stanza.has_child("result", "urn:xmpp:mam:2");
            world.input(romeo, Input::Stanza(if large { cut(&stanza) } else { Arrived::Whole(stanza) }));
        }
        world.devices[romeo].holds = false;
        world.settle();
        assert_eq!(world.texts(romeo, JULIET), ["one", "[too_large]"]);
    }
    world.says(juliet, ROMEO, "in short");
    assert_eq!(world.texts(romeo, JULIET), ["one", "[too_large]", "in short"]);
}

#[test]
fn a_carbon_that_is_too_large_leaves_one_row_unless_it_is_forged() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let carbon = |outer: &str, way: &str, from: &str, to: &str| {
        let text = format!(
            "<message xmlns='jabber:client' from='{outer}' to='{JULIET}'><{way} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client' from='{from}/x' to='{to}' type='chat' id='a'><body>long</body></message></forwarded></{way}></message>"
        );
        Input::Stanza(cut(&text.parse().unwrap()))
    };
    for outer in ["tybalt@capulet.lit", "juliet@capulet.lit/mallory"] {
        world.input(juliet, carbon(outer, "received", ROMEO, JULIET));
        world.input(juliet, carbon(outer, "sent", JULIET, ROMEO));
    }
    assert!(world.texts(juliet, ROMEO).is_empty());
    for _ in 0..2 {
        world.input(juliet, carbon(JULIET, "received", ROMEO, JULIET));
        world.input(juliet, carbon(JULIET, "sent", JULIET, ROMEO));
    }
    assert_eq!(world.texts(juliet, ROMEO), ["[too_large]", "[too_large]"]);
    assert_eq!(world.chat(juliet, ROMEO).iter().map(|row| row.own).collect::<Vec<_>>(), [false, true]);
    // Of one whose sender did not come there is nothing to show.
    let stump = format!("<message xmlns='jabber:client' from='{JULIET}' to='{JULIET}'/>").parse().unwrap();
    world.input(juliet, Input::Stanza(Arrived::Oversized { stump, bytes: 2 << 20 }));
    assert!(world.texts(juliet, JULIET).is_empty());
    assert_eq!(world.tx(juliet, |tx| tx.counted("stanza_oversized")), 9);
}
