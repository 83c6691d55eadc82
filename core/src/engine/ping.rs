//! XMPP Ping (XEP-0199).

use super::iq::Outcome;

/// Somebody asks whether we are there.
pub(crate) fn asked() -> Outcome {
    Outcome::Result(None)
}
