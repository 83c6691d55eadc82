//! The assembler: the same trees whatever the chunks, and nothing that a hostile sender can do to it.

use crate::wire::Arrived;
use crate::wire::fuzz::{HEADER, items, told};
use crate::wire::parse::{Assembler, Broken, Item, limit};
use minidom::Element;
use proptest::prelude::*;
use std::fmt::Write;

/// What comes of a stream that arrives in these chunks, after its header.
fn read(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Vec<Item>, Broken> {
    let mut read = Vec::new();
    items(chunks, |item| read.push(item)).map(|()| read)
}

fn one(stanza: &str) -> Item {
    let mut items = read([stanza]).unwrap();
    assert_eq!(items.len(), 1);
    items.remove(0)
}

/// An oversized stanza, and then one that still reads.
fn oversized(stanza: &str) -> (String, u64) {
    let items = read([stanza, "<presence id='next'/>"]).unwrap();
    assert_eq!(items.len(), 2);
    assert!(matches!(&items[1], Item::Stanza(Arrived::Whole(next)) if next.attr("id") == Some("next")));
    match &items[0] {
        Item::Stanza(Arrived::Oversized { bytes, .. }) => (told(&items[0]), *bytes),
        other => panic!("not thrown away: {:.100}", told(other)),
    }
}

fn message(content: &str) -> String {
    format!("<message from='a@x.test' id='1' type='chat'>{content}</message>")
}

const THROWN: &str = "oversized <message xmlns='jabber:client' from='a@x.test' id='1' type='chat'/>";

#[test]
fn a_stanza_becomes_the_tree_that_it_is() {
    let text = "<message xmlns:q='urn:q' from='a@x.test' q:mark='1' xml:lang='de'><body>a &amp; b<![CDATA[<c>]]></body>\
                <q:x q:y='2'><z xmlns='urn:z'/>tail</q:x><plain xmlns=''/></message>";
    let Item::Stanza(Arrived::Whole(message)) = one(text) else { panic!() };
    assert!(message.is("message", "jabber:client"));
    assert_eq!(message.attr_ns("urn:q", "mark"), Some("1"));
    assert_eq!(message.attr_ns(rxml::XMLNS_XML, "lang"), Some("de"));
    assert_eq!(message.get_child("body", "jabber:client").unwrap().text(), "a & b<c>");
    let x = message.get_child("x", "urn:q").unwrap();
    assert_eq!(x.attr_ns("urn:q", "y"), Some("2"));
    assert!(x.get_child("z", "urn:z").is_some());
    assert_eq!(x.text(), "tail");
    assert!(message.children().any(|child| child.is("plain", "")));
}

#[test]
fn stanzas_nonzas_and_the_end_are_told_apart() {
    let items =
        read(["<iq/> \n <a xmlns='urn:xmpp:sm:3' h='1'/><stream:error/><message xmlns='urn:other'/></stream:stream>"]);
    let told: Vec<String> = items.unwrap().iter().map(told).collect();
    assert_eq!(told.len(), 5);
    assert!(told[0].starts_with("<iq"));
    assert!(told[1..4].iter().all(|item| item.starts_with("nonza")), "{told:?}");
    assert_eq!(told[4], "closed");
}

#[test]
fn twenty_five_thousand_nested_tags_are_thrown_away_and_told() {
    let deep = message(&format!("{}{}", "<a>".repeat(25_000), "</a>".repeat(25_000)));
    assert_eq!(oversized(&deep), (THROWN.to_owned(), deep.len() as u64));
}

#[test]
fn the_level_limit_is_exact() {
    let nested = |levels: usize| message(&format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels)));
    assert!(matches!(one(&nested(limit::LEVELS - 1)), Item::Stanza(Arrived::Whole(_))));
    oversized(&nested(limit::LEVELS));
}

#[test]
fn a_body_of_one_megabyte_is_thrown_away_and_told() {
    let long = message(&format!("<body>{}</body>", "é".repeat(limit::BYTES as usize / 2)));
    assert_eq!(oversized(&long).0, THROWN);
    let fits = message(&format!("<body>{}</body>", "x".repeat(limit::BYTES as usize - 100)));
    assert!(matches!(one(&fits), Item::Stanza(Arrived::Whole(_))));
}

#[test]
fn ten_thousand_keys_in_one_element_are_thrown_away_and_told() {
    let mut keys = String::new();
    for rid in 0..10_000 {
        write!(keys, "<key rid='{rid}'>MwohBQ==</key>").unwrap();
    }
    let many =
        message(&format!("<encrypted xmlns='eu.siacs.conversations.axolotl'><header>{keys}</header></encrypted>"));
    assert_eq!(oversized(&many).0, THROWN);
}

#[test]
fn too_many_attributes_are_thrown_away_and_told() {
    let attributes = |n: usize| (0..n).fold(String::new(), |all, n| format!("{all} a{n}=''"));
    oversized(&message(&format!("<x{}/>", attributes(limit::ATTRIBUTES + 1))));
    assert!(matches!(
        one(&message(&format!("<x{}/>", attributes(limit::ATTRIBUTES)))),
        Item::Stanza(Arrived::Whole(_))
    ));
    let full = format!("<x{}/>", attributes(200));
    oversized(&message(&full.repeat(limit::ALL_ATTRIBUTES / 200)));
    let head = format!("<message from='a@x.test' id='1' type='chat'{}/>", attributes(limit::ATTRIBUTES));
    assert_eq!(oversized(&head).0, THROWN);
}

#[test]
fn namespace_declarations_are_bounded() {
    let declared: String = (0..200).map(|n| format!(" xmlns:p{n}='urn:{n}'")).collect();
    oversized(&message(&format!("<x{declared}><y{declared}/></x>")));
}

/// A message in the wrappers that bring one, with something before and behind the message.
fn wrapped(before: &str, content: &str, behind: &str) -> [String; 3] {
    let message = format!("<message from='a@x.test/1' to='me@x.test' type='chat' id='7'>{content}</message>");
    let forwarded = format!("<forwarded xmlns='urn:xmpp:forward:0'>{before}{message}{behind}</forwarded>");
    let forwarded = forwarded.replace("<message", "<message xmlns='jabber:client'");
    let result = format!("<result xmlns='urn:xmpp:mam:2' id='28' queryid='q'>{forwarded}</result>");
    let [sent, received] =
        ["sent", "received"].map(|name| format!("<{name} xmlns='urn:xmpp:carbons:2'>{forwarded}</{name}>"));
    let outer = "<message xmlns='jabber:client' from='me@x.test' to='me@x.test/2'>";
    [result, sent, received].map(|wrapper| format!("{outer}{wrapper}</message>"))
}

#[test]
fn of_a_message_in_a_wrapper_the_way_and_the_ids_are_kept() {
    let delay = "<delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:00:00Z'/>";
    let id = "<stanza-id xmlns='urn:xmpp:sid:0' by='me@x.test' id='28'/>";
    let many = "<a/>".repeat(limit::ELEMENTS);
    let is_kept = |given: [String; 3], kept: [String; 3]| {
        for (given, kept) in given.iter().zip(kept) {
            let kept: Element = kept.parse().unwrap();
            assert_eq!(oversized(given).0, format!("oversized {}", String::from(&kept)));
        }
    };
    is_kept(wrapped(delay, &format!("{many}{id}"), ""), wrapped(delay, id, ""));
    is_kept(wrapped("", &format!("{id}{many}"), delay), wrapped(delay, id, ""));
    is_kept(wrapped(delay, id, &many), wrapped(delay, id, ""));
    let attributes = (0..limit::ATTRIBUTES).fold(String::new(), |all, n| format!("{all} a{n}=''"));
    let wide = wrapped(delay, id, "").map(|text| text.replace("id='7'", &format!("id='7'{attributes}")));
    is_kept(wide, wrapped(delay, id, ""));
    // Whose message it would be did not come.
    for given in wrapped(&many, id, "") {
        assert_eq!(oversized(&given).0.matches("message").count(), 1);
    }
}

#[test]
fn a_wrapper_takes_no_levels_of_the_message_in_it() {
    let nested = |levels: usize| wrapped("", &format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels)), "");
    for given in nested(limit::LEVELS - 1) {
        assert!(matches!(one(&given), Item::Stanza(Arrived::Whole(_))), "{given}");
    }
    for given in nested(limit::LEVELS) {
        oversized(&given);
        oversized(&given.replace("urn:xmpp:forward:0", "urn:other").replacen("<a></a>", "", 1));
    }
}

#[test]
fn one_hundred_thousand_stanzas_leave_nothing_behind() {
    let block = message("<body>hello</body>").repeat(1000);
    let mut assembler = Assembler::new();
    let mut header = HEADER.as_bytes();
    assembler.next(&mut header).unwrap();
    let mut count = 0;
    for _ in 0..100 {
        let mut input = block.as_bytes();
        while let Some(item) = assembler.next(&mut input).unwrap() {
            assert!(matches!(item, Item::Stanza(Arrived::Whole(_))));
            count += 1;
        }
    }
    assert_eq!(count, 100_000);
    assert!(assembler.holds() < 64, "{}", assembler.holds());
}

#[test]
fn stanza_ids_on_either_side_of_the_limit_are_told() {
    let before = "<stanza-id xmlns='urn:xmpp:sid:0' by='evil@x.test' id='forged'/>";
    let after = "<stanza-id xmlns='urn:xmpp:sid:0' by='me@x.test' id='true'/>";
    let deep = format!("{}{}{}", "<a>".repeat(100), before, "</a>".repeat(100));
    let (told, _) = oversized(&message(&format!("{before}{deep}{after}")));
    let ids = ["by='evil@x.test' id='forged'", "by='me@x.test' id='true'"];
    let ids = ids.map(|id| format!("<stanza-id xmlns='urn:xmpp:sid:0' {id}/>")).concat();
    assert!(told.ends_with(&format!(">{ids}</message>")), "{told}");
    let (told, _) = oversized(&message(&format!("{deep}{}", after.repeat(1000))));
    assert_eq!(told.matches("true").count(), 8);
    // An id that is itself too much must not make the stanza look like something that is not counted.
    let attributes: String = (0..=limit::ATTRIBUTES).map(|n| format!(" a{n}=''")).collect();
    let (told, _) = oversized(&message(&format!("{deep}<stanza-id{attributes}/>")));
    assert_eq!(told, THROWN);
}

#[test]
fn wrong_namespaces_lose_the_stanza_but_not_the_stream() {
    let broken = [
        "<p:x/>",
        "<x p:y=''/>",
        "<x a='' a=''/>",
        "<x xmlns:p='u' xmlns:q='u' p:a='' q:a=''/>",
        "<x xmlns='u' xmlns='v'/>",
        "<p:x xmlns:p='u' xmlns:p='v'/>",
    ];
    for broken in broken {
        let items = read([message(broken), "<presence/>".into()]).unwrap();
        let told: Vec<String> = items.iter().map(told).collect();
        assert_eq!(told[0], "unparsable", "{broken}");
        assert!(told[1].starts_with("<presence"));
    }
    let items = read(["<p:message/><presence/>"]).unwrap();
    assert_eq!(told(&items[0]), "unparsable", "the server counts it by its name");
}

#[test]
fn what_is_not_well_formed_ends_the_stream() {
    let broken = [
        "<message></presence>",
        "<message><!-- x --></message>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]>",
        "<?php ?>",
        "<message>&a;</message>",
        "<message a=b/>",
        "<message>\u{1}</message>",
        "text",
    ];
    for text in broken {
        assert_eq!(read([text]).err(), Some(Broken::Xml), "{text}");
    }
    assert_eq!(read([b"<message>\xff</message>".as_slice()]).err(), Some(Broken::Xml));
}

#[test]
fn other_documents_are_not_xmpp() {
    for text in ["<html>", "<stream xmlns='jabber:client'>", "<stream:stream>"] {
        let mut input = text.as_bytes();
        assert_eq!(Assembler::new().next(&mut input).err(), Some(Broken::NotXmpp), "{text}");
    }
    for text in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-x\r\n", "\u{15}\u{3}\u{1}"] {
        let mut input = text.as_bytes();
        assert_eq!(Assembler::new().next(&mut input).err(), Some(Broken::Xml), "{text}");
    }
}

#[test]
fn a_header_without_end_is_not_read_for_ever() {
    let long = (0..2000).fold("<stream:stream".to_owned(), |all, n| format!("{all} attribute{n}='value'"));
    assert!(Assembler::new().next(&mut long.as_bytes()).is_err());
}

#[test]
fn a_stanza_without_end_is_not_read_for_ever() {
    let level = "<a>".repeat(1 << 10);
    let chunks = std::iter::once(message("").replace("</message>", "")).chain(std::iter::repeat_n(level, 1 << 13));
    assert_eq!(read(chunks).err(), Some(Broken::TooLarge));
    let text = "x".repeat(1 << 16);
    let chunks = std::iter::once("<message>".to_owned()).chain(std::iter::repeat_n(text, 1 << 10));
    assert_eq!(read(chunks).err(), Some(Broken::TooLarge));
}

/// A tree with what XMPP trees have: namespaces, attributes, text around children.
fn tree() -> impl Strategy<Value = Element> {
    let name = prop::sample::select(vec!["a", "body", "x", "stanza-id"]);
    let namespace = prop::sample::select(vec!["jabber:client", "urn:a", "urn:b", "urn:xmpp:sid:0"]);
    let leaf = (name, namespace, "[ -~é€😀\n]{0,12}", prop::collection::vec("[ -~é]{0,9}", 0..3)).prop_map(
        |(name, namespace, text, values)| {
            let mut element = Element::bare(name, namespace);
            for (n, value) in values.into_iter().enumerate() {
                let name = rxml::NcName::try_from(format!("n{n}")).unwrap();
                element.attrs_mut().insert(rxml::Namespace::NONE, name, value);
            }
            if !text.is_empty() {
                element.append_text_node(text);
            }
            element
        },
    );
    leaf.prop_recursive(5, 40, 6, |inner| {
        (inner.clone(), prop::collection::vec((inner, "[a-zé ]{0,5}"), 0..6)).prop_map(|(mut element, children)| {
            for (child, text) in children {
                element.append_child(child);
                if !text.is_empty() {
                    element.append_text_node(text);
                }
            }
            element
        })
    })
}

fn stanza() -> impl Strategy<Value = Element> {
    prop::collection::vec(tree(), 0..4).prop_map(|children| {
        let mut message = Element::bare("message", "jabber:client");
        for child in children {
            message.append_child(child);
        }
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_chunking_gives_the_trees_that_were_written(
        stanzas in prop::collection::vec(stanza(), 1..5),
        cuts in prop::collection::vec(1_usize..40, 1..50),
    ) {
        let text: String = stanzas.iter().map(String::from).collect();
        let mut rest = text.as_bytes();
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = after;
            if rest.is_empty() { break }
        }
        let items = read(chunks).unwrap();
        prop_assert_eq!(items.len(), stanzas.len());
        for (item, stanza) in items.iter().zip(&stanzas) {
            let Item::Stanza(Arrived::Whole(element)) = item else { panic!("not whole") };
            prop_assert_eq!(element, stanza);
        }
    }

    #[test]
    fn any_bytes_end_in_items_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read([bytes]);
    }

    #[test]
    fn any_markup_is_read_the_same_in_any_chunks(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<message>", "</message>", "<a xmlns='u'>", "</a>", "<p:b/>", "<b xmlns:p='q' p:c=''/>", "t&lt;é", "<iq a='&#233;'/>",
                "<![CDATA[]]>", "<stanza-id xmlns='urn:xmpp:sid:0' by='b' id='i'/>",
            ]),
            0..60,
        ),
        cut in 1_usize..20,
    ) {
        let text = parts.concat();
        let whole = read([text.as_bytes()]).map(|items| items.iter().map(told).collect::<Vec<_>>());
        let pieces = read(text.as_bytes().chunks(cut)).map(|items| items.iter().map(told).collect::<Vec<_>>());
        prop_assert_eq!(whole, pieces);
    }
}

#[test]
fn names_that_the_parser_cannot_take_cost_their_stanza_and_not_the_stream() {
    // The first two are what a server made of `xml:lang` where it binds every namespace anew.
    let broken = [
        message("<y xmlns:ns1='http://www.w3.org/XML/1998/namespace' ns1:lang='1'>a<b c='>'/></y>"),
        message("<y xmlns='http://www.w3.org/XML/1998/namespace'/>"),
        message("<y xmlns:xml='urn:x'><![CDATA[</y>]]></y>"),
        message("<y xmlns:z=''>a</y>"),
        message("<a:b:c>a</a:b:c>"),
        message("<a:b:c/>"),
        message("<y a:b:c='/>'/>"),
        "<message xmlns:a='' from='a@x.test'><b/></message>".into(),
        "<message a:b:c=''/>".into(),
        "<message a:='1'>x</message>".into(),
    ];
    for stanza in broken {
        let stream = format!("{stanza}<presence id='next'/></stream:stream>");
        let told = |items: Result<Vec<Item>, Broken>| -> Vec<String> {
            items.unwrap_or_else(|error| panic!("{stanza}: {error:?}")).iter().map(told).collect()
        };
        let whole = told(read([&stream]));
        assert!(whole.len() == 3 && whole[1].starts_with("<presence"), "{stanza}: {whole:?}");
        assert_eq!((&*whole[0], &*whole[2]), ("unparsable", "closed"), "{stanza}");
        assert_eq!(told(read(stream.as_bytes().iter().map(|byte| [*byte]))), whole, "{stanza}");
    }
}

#[test]
fn passing_over_such_a_stanza_has_limits_too() {
    let endless = format!("<message xmlns:a=''>{}", "x".repeat(limit::THROWN as usize + 1));
    assert_eq!(read([endless]).err(), Some(Broken::TooLarge));
    assert_eq!(read([message("<y xmlns:z=''><!-- no --></y>")]).err(), Some(Broken::Xml));
}
