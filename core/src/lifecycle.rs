//! What the app is to the person now, and what that means for the accounts.

/// Where the app stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Seen and used.
    Foreground,
    /// Running, not seen: streams stay, servers that want to know are told that nobody looks (XEP-0352), and next to nothing
    /// is said by ourselves while nothing happens.
    Background,
    /// About to be frozen or killed: all is acknowledged, the streams are dropped without a goodbye so that the servers
    /// keep them for resumption, databases are written back, locks and files released.
    Suspended,
}

impl Lifecycle {
    /// The state of this name: `foreground`, `background`, `suspended`.
    pub fn from_code(code: &str) -> Option<Lifecycle> {
        Some(match code {
            "foreground" => Lifecycle::Foreground,
            "background" => Lifecycle::Background,
            "suspended" => Lifecycle::Suspended,
            _ => return None,
        })
    }
}
