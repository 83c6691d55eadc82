//! PLAIN (RFC 4616): the password itself, and no proof of the server's. Only where a person allowed it for the account, only
//! inside TLS, and never at a server that ever offered better.

use super::features::Features;
use super::leave::Leave;
use super::sasl::failure;
use super::talk::Talk;
use super::xml::ns;
use crate::error::{Error, ErrorKind};
use crate::net::tls::Channel;
use crate::pin::Pin;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

/// Its name in the IANA registry.
pub(crate) const NAME: &str = "PLAIN";

/// Whether it may be used: `allowed` is what a person said of the account.
pub(crate) fn may(allowed: bool, features: &Features, channel: Option<&Channel>, pin: Option<&Pin>) -> bool {
    let offered = |names: &[String]| names.iter().any(|name| name == NAME);
    // Whatever else it is called: who can do better has to.
    let better = |names: &[String]| names.iter().any(|name| name.starts_with("SCRAM-"));
    let sasl2 = features.sasl2.as_ref().map_or(&[][..], |sasl2| &sasl2.mechanisms);
    let known = !pin.is_some_and(Pin::did_better_than_plain);
    allowed && channel.is_some() && known && offered(&features.sasl) && !better(&features.sasl) && !better(sasl2)
}

/// Says name and password. `leave` is asked before.
///
/// Errors: what `<failure/>` means, and those of [`Talk::hear`] and [`Leave::ask`].
pub(crate) async fn enter(talk: &mut Talk, name: &str, password: &str, leave: &mut Leave) -> Result<(), Error> {
    leave.ask().await?;
    let words = Zeroizing::new(format!("\0{name}\0{password}"));
    let data = Zeroizing::new(BASE64.encode(words.as_bytes()));
    let auth = Zeroizing::new(format!("<auth xmlns='{}' mechanism='{NAME}'>{}</auth>", ns::SASL, *data));
    talk.say(&auth).await?;
    let heard = talk.hear().await?;
    talk.nothing_early()?;
    if heard.is("success", ns::SASL) {
        leave.answered().await
    } else if heard.is("failure", ns::SASL) {
        Err(failure(&heard, ErrorKind::LoginRefused).into())
    } else {
        Err(Talk::neither(&heard))
    }
}
