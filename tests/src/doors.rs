//! That there is no other way to the wire than through `core/src/seal.rs`: tries that must not compile, each against the file
//! itself and the true head of `Tx::queue`. Only what these stand on is a stub, as the true crates take minutes to build.

use crate::scratch::Scratch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MINIDOM: &str = "
#[derive(Clone)] pub struct Element;
pub struct Attributes;
impl Attributes { pub fn iter(&self) -> std::iter::Empty<((&Option<u8>, &String), &String)> { loop {} } }
impl Element {
    pub fn name(&self) -> &str { loop {} }
    pub fn is(&self, _: &str, _: &str) -> bool { loop {} }
    pub fn has_child(&self, _: &str, _: &str) -> bool { loop {} }
    pub fn remove_child(&mut self, _: &str, _: &str) -> Option<Element> { loop {} }
    pub fn children(&self) -> std::slice::Iter<'_, Element> { loop {} }
    pub fn texts(&self) -> std::iter::Empty<&str> { loop {} }
    pub fn text(&self) -> String { loop {} }
    pub fn attrs(&self) -> &Attributes { loop {} }
    pub fn bare(_: &str, _: &str) -> Element { loop {} }
    pub fn set_attr(&mut self, _: rxml::Namespace, _: rxml::NcName, _: impl Into<String>) { loop {} }
    pub fn append_child(&mut self, _: Element) { loop {} }
    pub fn write_to(&self, _: &mut Vec<u8>) -> Result<(), ()> { loop {} }
}
pub mod rxml {
    pub struct Namespace;
    impl Namespace { pub const NONE: Namespace = Namespace; }
    pub struct NcName;
    impl TryFrom<&str> for NcName { type Error = (); fn try_from(_: &str) -> Result<NcName, ()> { loop {} } }
}";

const JID: &str = "
pub struct Jid; impl Jid { pub fn new(_: &str) -> Result<Jid, ()> { loop {} } }
pub struct BareJid; impl BareJid { pub fn to_string(&self) -> String { loop {} } }";

/// What surrounds a try: the core's own names, as far as these files use them.
const AROUND: &str = "
#![allow(warnings)]
mod error {
    pub enum ErrorKind { Internal }
    pub struct Error;
    impl From<ErrorKind> for Error { fn from(_: ErrorKind) -> Self { Error } }
    pub type Result<T, E = Error> = std::result::Result<T, E>;
}
mod model { pub struct Time; impl Time { pub fn parse(_: &str) -> Option<Time> { loop {} } } }
#[path = \"SEAL\"] mod seal;
mod store {
    use crate::{error::Result, seal::Sealed};
    pub enum Fate { Message }
    pub struct Tx;
    impl Tx { QUEUE { loop {} } }
}
mod engine {
    use crate::{error::Result, seal::*, store::{Fate, Tx}};
    fn attempt(tx: &Tx, element: &minidom::Element, text: String) -> Result<()> { TRY; Ok(()) }
}";

/// What must compile: else the rest would fail for another reason than is claimed.
const RIGHT: &str = "
    let allowed = PlainAllowed::by_person(text.is_empty()).unwrap();
    let extras = ExtrasAllowed::by_person(text.is_empty()).unwrap();
    tx.queue(Fate::Message, None, &Sealed::plain(element, allowed), \"[]\")?;
    tx.queue(Fate::Message, None, &Sealed::with_extras(element, extras)?, \"[]\")?;
    tx.queue(Fate::Message, None, &Sealed::message(element)?, \"[]\")?";

/// What must not, and with which error.
const WRONG: &[(&str, &str)] = &[
    ("E0423", "Sealed(text.into_bytes())"),
    ("E0451", "Sealed { 0: text.into_bytes() }"),
    ("E0599", "Sealed::default()"),
    ("E0599", "Sealed::new(text.into_bytes())"),
    ("E0277", "let sealed: Sealed = text.into_bytes().into()"),
    ("E0616", "let mut sealed = Sealed::message(element)?; sealed.0 = text.into_bytes()"),
    ("E0308", "tx.queue(Fate::Message, None, &text, \"[]\")?"),
    ("E0308", "tx.queue(Fate::Message, None, &text.into_bytes(), \"[]\")?"),
    ("E0308", "tx.queue(Fate::Message, None, element, \"[]\")?"),
    ("E0061", "Sealed::plain(element)"),
    ("E0308", "Sealed::plain(element, true)"),
    ("E0308", "Sealed::with_extras(element, true)"),
    ("E0423", "Sealed::plain(element, PlainAllowed(()))"),
    ("E0423", "Sealed::with_extras(element, ExtrasAllowed(()))"),
    ("E0308", "Sealed::plain(element, ExtrasAllowed::by_person(true).unwrap())"),
    ("E0599", "let allowed = PlainAllowed::by_person(true).unwrap(); let twice = allowed.clone()"),
];

fn core(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src").join(file).canonicalize().unwrap()
}

/// The compiler's short errors for a library of this text.
fn errors(folder: &Scratch, name: &str, text: &str) -> Vec<String> {
    let source = folder.write(&format!("{name}.rs"), text);
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--error-format", "short"]);
    rustc.arg("--out-dir").arg(folder.path()).arg("-L").arg(folder.path()).arg("--crate-name").arg(name).arg(source);
    for known in ["minidom", "jid"].iter().filter(|known| folder.join(format!("lib{known}.rmeta")).exists()) {
        rustc.arg("--extern").arg(format!("{known}={}", folder.join(format!("lib{known}.rmeta")).display()));
    }
    let output = rustc.output().expect("whoever runs cargo has rustc");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let errors: Vec<String> = said.lines().filter(|line| line.contains("error")).map(str::to_owned).collect();
    assert_eq!(output.status.success(), errors.is_empty(), "{said}");
    errors
}

#[test]
fn no_other_way_to_the_wire_compiles() {
    let folder = Scratch::new("doors");
    assert_eq!(errors(&folder, "minidom", MINIDOM), Vec::<String>::new());
    assert_eq!(errors(&folder, "jid", JID), Vec::<String>::new());
    let outgoing = fs::read_to_string(core("store/outgoing.rs")).unwrap();
    let queue = outgoing.split("pub(crate) fn queue(").nth(1).and_then(|rest| rest.split(" {").next()).unwrap();
    let around = AROUND.replace("SEAL", core("seal.rs").to_str().unwrap());
    let around = around.replace("QUEUE", &format!("pub(crate) fn queue({queue}"));
    assert_eq!(errors(&folder, "right", &around.replace("TRY", RIGHT)), Vec::<String>::new());
    for (code, wrong) in WRONG {
        let found = errors(&folder, "wrong", &around.replace("TRY", wrong));
        let meant = found.iter().filter(|line| line.contains(code)).count();
        // Besides, the compiler counts them: "aborting due to …".
        assert!(
            meant > 0 && found.iter().all(|line| line.contains(code) || line.contains("abort")),
            "{wrong}: {found:?}"
        );
    }
}
