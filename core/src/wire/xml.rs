//! The little XML that the wire itself writes, and the names that it looks for.

/// Namespaces.
pub(crate) mod ns {
    pub(crate) const STREAMS: &str = "http://etherx.jabber.org/streams";
    pub(crate) const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
    pub(crate) const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
    pub(crate) const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
    pub(crate) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
    pub(crate) const SASL2: &str = "urn:xmpp:sasl:2";
    pub(crate) const FAST: &str = "urn:xmpp:fast:0";
    pub(crate) const SASL_CB: &str = "urn:xmpp:sasl-cb:0";
    pub(crate) const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
    pub(crate) const BIND2: &str = "urn:xmpp:bind:0";
    pub(crate) const SM: &str = "urn:xmpp:sm:3";
    pub(crate) const CSI: &str = "urn:xmpp:csi:0";
    pub(crate) const CARBONS: &str = "urn:xmpp:carbons:2";
    pub(crate) const REGISTER: &str = "jabber:iq:register";
    pub(crate) const DATA: &str = "jabber:x:data";
    pub(crate) const PING: &str = "urn:xmpp:ping";
    pub(crate) const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";
    pub(crate) const CLIENT: &str = "jabber:client";
}

/// Text that is safe in an attribute in single quotes and between tags.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// A stream header (RFC 6120 §4.7). `from` is only for an encrypted stream.
pub(crate) fn header(to: &str, from: Option<&str>) -> String {
    let from = from.map(|from| format!(" from='{}'", escape(from))).unwrap_or_default();
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{}' version='1.0' to='{}'{from}>",
        ns::CLIENT,
        ns::STREAMS,
        escape(to),
    )
}

/// The end of a stream.
pub(crate) const END: &str = "</stream:stream>";
