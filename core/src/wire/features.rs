//! What a server offers (RFC 6120 §4.3.2), as far as a login cares.

use super::xml::ns;
use minidom::Element;
use std::time::Duration;

/// Bytes that every server takes (RFC 6120 §13.12): one that says less is not believed, else it could keep us from saying
/// anything.
const LEAST: usize = 10_000;

/// An offer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub starttls: bool,
    /// It says which logins there are, be it that there are none.
    pub logins: bool,
    /// Mechanisms of SASL (RFC 6120 §6).
    pub sasl: Vec<String>,
    pub sasl2: Option<Sasl2>,
    /// Channel bindings (XEP-0440); none if the server does not say.
    pub bindings: Option<Vec<String>>,
    pub bind: bool,
    /// Stream management (XEP-0198).
    pub sm: bool,
    /// Client state indication (XEP-0352).
    pub csi: bool,
    pub limits: StreamLimits,
}

/// What the server takes on this stream (XEP-0478); none if it does not say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamLimits {
    /// Bytes of one stanza.
    pub max_bytes: Option<usize>,
    /// Silence of ours after which the stream may be ended.
    pub idle: Option<Duration>,
}

impl StreamLimits {
    fn read(limits: &Element) -> Self {
        let number = |name: &str| {
            let child = limits.children().find(|child| child.is(name, ns::STREAM_LIMITS))?;
            child.text().trim().parse::<u32>().ok()
        };
        let max_bytes = number("max-bytes").map(|bytes| (bytes as usize).max(LEAST));
        StreamLimits { max_bytes, idle: number("idle-seconds").map(|seconds| Duration::from_secs(seconds.into())) }
    }

    /// Whether a stanza of this length may be written.
    pub(crate) fn takes(&self, bytes: usize) -> bool {
        self.max_bytes.is_none_or(|most| bytes <= most)
    }
}

/// A limit that the server keeps to itself, as most do: a stanza past it ends the stream, and would again on the next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learnt {
    /// The longest stanza that was under way when a stream was ended for a `policy-violation`.
    suspect: Option<usize>,
    max_bytes: Option<usize>,
}

impl Learnt {
    /// A stream was ended for a `policy-violation`, with this as the longest stanza that was not acknowledged. Once may be
    /// for something else; twice with one as long is not tried a third time.
    pub(crate) fn violated(&mut self, longest: usize) {
        if longest <= LEAST {
            return;
        }
        match self.suspect {
            Some(suspect) if longest >= suspect => self.max_bytes = Some((suspect - 1).max(LEAST)),
            _ => self.suspect = Some(longest),
        }
    }

    /// Whether a stanza of this length may be tried.
    pub(crate) fn takes(&self, bytes: usize) -> bool {
        self.max_bytes.is_none_or(|most| bytes <= most)
    }
}

/// The offer of XEP-0388.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sasl2 {
    pub mechanisms: Vec<String>,
    /// A stream can be resumed in the same exchange.
    pub resume: bool,
    pub bind2: Option<Bind2>,
    /// Mechanisms that take a token (XEP-0484).
    pub fast: Vec<String>,
}

/// The offer of XEP-0386.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bind2 {
    pub sm: bool,
    pub carbons: bool,
    pub csi: bool,
}

impl Features {
    /// Reads `<stream:features/>`.
    pub(crate) fn read(features: &Element) -> Self {
        let mut offer = Features::default();
        for child in features.children() {
            if child.is("starttls", ns::TLS) {
                offer.starttls = true;
            } else if child.is("mechanisms", ns::SASL) {
                offer.logins = true;
                offer.sasl = mechanisms(child);
            } else if child.is("authentication", ns::SASL2) {
                offer.logins = true;
                offer.sasl2 = Some(Sasl2::read(child));
            } else if child.is("sasl-channel-binding", ns::SASL_CB) {
                let types = child.children().filter(|c| c.is("channel-binding", ns::SASL_CB));
                offer.bindings = Some(types.filter_map(|c| c.attr("type").map(str::to_owned)).collect());
            } else if child.is("bind", ns::BIND) {
                offer.bind = true;
            } else if child.is("sm", ns::SM) {
                offer.sm = true;
            } else if child.is("csi", ns::CSI) {
                offer.csi = true;
            } else if child.is("limits", ns::STREAM_LIMITS) {
                offer.limits = StreamLimits::read(child);
            }
        }
        offer
    }

    /// The offer in the form that XEP-0474 §5.1 hashes: these mechanisms and the bindings, sorted, with separators that no
    /// XML can hold.
    pub(crate) fn offer(&self, mechanisms: &[String]) -> String {
        let sorted = |names: &[String]| {
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.sort_unstable();
            names.join("\u{1e}")
        };
        let bindings = self.bindings.as_ref().map(|types| format!("\u{1f}{}", sorted(types)));
        sorted(mechanisms) + &bindings.unwrap_or_default()
    }
}

impl Sasl2 {
    fn read(authentication: &Element) -> Self {
        let mut offer = Sasl2 { mechanisms: mechanisms(authentication), ..Sasl2::default() };
        let inline = authentication.children().find(|child| child.name() == "inline");
        for child in inline.iter().flat_map(|inline| inline.children()) {
            if child.is("sm", ns::SM) {
                offer.resume = true;
            } else if child.is("fast", ns::FAST) {
                offer.fast = mechanisms(child);
            } else if child.is("bind", ns::BIND2) {
                let inner = child.children().find(|child| child.name() == "inline");
                let has = |var: &str| {
                    inner
                        .iter()
                        .flat_map(|inline| inline.children())
                        .any(|f| f.name() == "feature" && f.attr("var") == Some(var))
                };
                offer.bind2 = Some(Bind2 { sm: has(ns::SM), carbons: has(ns::CARBONS), csi: has(ns::CSI) });
            }
        }
        offer
    }
}

fn mechanisms(parent: &Element) -> Vec<String> {
    parent.children().filter(|child| child.name() == "mechanism").map(Element::text).collect()
}
