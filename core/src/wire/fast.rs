//! A login by token (XEP-0484), with the mechanisms of SASL-HT that are bound to the TLS channel by its exporter: no other
//! says anything of the channel that an interceptor could not have as well.
//!
//! A token is random and long, so what is shown of it helps nobody to guess it, and what is shown on one channel is of no use
//! on another. The server proves in its answer that it knows the token too.

use super::Settings;
use super::connect::{Connect, Network};
use super::features::{Features, Sasl2};
use super::login::name;
use super::secret::{Secret, Token};
use super::talk::Talk;
use super::xml::{self, escape, ns};
use crate::error::{Error, ErrorKind};
use crate::model::Time;
use crate::net::Door;
use crate::net::tls::Channel;
use crate::pin::Binding;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use minidom::Element;
use rand::CryptoRng;
use sha2::{Sha256, Sha512};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The mechanisms that are spoken, the stronger one first.
const MECHANISMS: [&str; 2] = ["HT-SHA-512-EXPR", "HT-SHA-256-EXPR"];
/// The longest token that is kept.
const LONGEST: usize = 4096;

/// The mechanism that a token is to be asked for, if the server has one that can be bound on this channel.
pub(crate) fn mechanism(offer: &Sasl2, features: &Features, channel: Option<&Channel>) -> Option<&'static str> {
    let bound = is_bound(features, channel);
    MECHANISMS.into_iter().find(|name| bound && offer.fast.iter().any(|offered| offered == name))
}

/// A login by token, about to be said.
pub(crate) struct Bearer {
    pub mechanism: &'static str,
    first: Zeroizing<Vec<u8>>,
    proof: Zeroizing<Vec<u8>>,
}

impl Bearer {
    /// With the token that there is, if this server and this channel take it.
    pub(crate) fn new(
        name: &str,
        secret: &Secret,
        offer: &Sasl2,
        features: &Features,
        channel: Option<&Channel>,
    ) -> Option<Bearer> {
        let token = secret.token.as_ref()?;
        let offered = offer.fast.contains(&token.mechanism);
        let mechanism = MECHANISMS.into_iter().find(|name| offered && *name == token.mechanism)?;
        let exporter = &channel.filter(|_| is_bound(features, channel))?.exporter;
        let mut first = Zeroizing::new([name.as_bytes(), b"\0"].concat());
        first.extend_from_slice(&hashed(mechanism, token, b"Initiator", &exporter[..]));
        Some(Bearer { mechanism, first, proof: hashed(mechanism, token, b"Responder", &exporter[..]) })
    }

    /// The only message, for the wire.
    pub(crate) fn first(&self) -> String {
        BASE64.encode(&self.first[..])
    }

    /// Whether the server's answer proves that it knows the token, and that the channel is the one that it sees.
    pub(crate) fn check(&self, success: &Element) -> Result<(), Error> {
        let data = success.children().find(|child| child.is("additional-data", ns::SASL2)).map(Element::text);
        let given = data.and_then(|data| BASE64.decode(data.trim()).ok()).ok_or(ErrorKind::ServerProof)?;
        if bool::from(given.ct_eq(&self.proof[..])) { Ok(()) } else { Err(ErrorKind::ServerProof.into()) }
    }
}

fn is_bound(features: &Features, channel: Option<&Channel>) -> bool {
    let named = |types: &Vec<String>| types.iter().any(|name| name == Binding::Exporter.name());
    channel.is_some() && features.bindings.as_ref().is_some_and(named)
}

fn hashed(mechanism: &str, token: &Token, word: &[u8], exporter: &[u8]) -> Zeroizing<Vec<u8>> {
    fn with<M: Mac + KeyInit>(key: &[u8], word: &[u8], exporter: &[u8]) -> Vec<u8> {
        let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.chain_update(word).chain_update(exporter).finalize().into_bytes().to_vec()
    }
    let key = token.text.as_bytes();
    Zeroizing::new(match mechanism {
        "HT-SHA-512-EXPR" => with::<Hmac<Sha512>>(key, word, exporter),
        _ => with::<Hmac<Sha256>>(key, word, exporter),
    })
}

/// Ends the account's token on its server, which is to forget it; nothing is bound.
///
/// Errors: `NoMechanism` if the server takes no tokens, and those of a connection and a login.
pub(crate) async fn invalidate<R: CryptoRng + Send>(settings: &Settings, door: Door, rng: &mut R) -> Result<(), Error> {
    let link = Network::new(settings.clone(), door).connect(rng).await?;
    let mut talk = Talk::new(link.socket, settings.patience().login);
    let features = talk.open(settings.jid.domain().as_str(), Some(settings.jid.as_str())).await?;
    let offer = features.sasl2.as_ref().ok_or(ErrorKind::NoMechanism)?;
    let bearer = Bearer::new(name(settings), &settings.secret, offer, &features, link.channel.as_ref());
    let bearer = bearer.ok_or(ErrorKind::NoMechanism)?;
    talk.say(&format!(
        "<authenticate xmlns='{}' mechanism='{}'><initial-response>{}</initial-response><user-agent id='{}'/>\
         <fast xmlns='{}' count='{}' invalidate='true'/></authenticate>",
        ns::SASL2,
        bearer.mechanism,
        bearer.first(),
        escape(&settings.user_agent),
        ns::FAST,
        settings.uses,
    ))
    .await?;
    let heard = talk.hear().await?;
    if heard.is("success", ns::SASL2) {
        bearer.check(&heard)?
    } else {
        return Err(ErrorKind::LoginRefused.into());
    }
    let _ = talk.say(xml::END).await;
    Ok(())
}

/// The token in a server's `<success/>`, for the mechanism that it was asked for or that was just used.
pub(crate) fn given(success: &Element, mechanism: &str) -> Option<Arc<Token>> {
    let token = success.children().find(|child| child.is("token", ns::FAST))?;
    let text = token.attr("token").filter(|text| (1..=LONGEST).contains(&text.len()))?;
    let expires = Time::parse(token.attr("expiry")?)?.0;
    Some(Arc::new(Token { mechanism: mechanism.to_owned(), text: Zeroizing::new(text.to_owned()), expires }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(mechanism: &str) -> Secret {
        let text = Zeroizing::new("secret-token:fast-W5YT0MHBVEnDkVB7WuSGpGqM".to_owned());
        let token = Token { mechanism: mechanism.into(), text, expires: 0 };
        Secret { token: Some(Arc::new(token)), ..Secret::default() }
    }

    fn channel() -> Channel {
        crate::wire::tests::fake::channel(1)
    }

    fn offer(fast: &[&str]) -> Sasl2 {
        Sasl2 { fast: fast.iter().map(|name| (*name).to_owned()).collect(), ..Sasl2::default() }
    }

    fn features(binding: &str) -> Features {
        Features { bindings: Some(vec![binding.to_owned()]), ..Features::default() }
    }

    /// By Python's hmac: key the token, message the word and 32 bytes of value 9.
    const FIRST: &str = "anVsaWV0AH6w1kWhTskXBsWkuyK3NtuBOELmrVvsV/GWgyJWtf62";
    const ANSWER: &str = "pU5RkNf+tza0n2B4XRvPbrfuNpNc3OSd/kGqcVasANg=";

    #[test]
    fn what_is_said_and_expected_agrees_with_another_implementation() {
        let names = ["HT-SHA-256-NONE", "HT-SHA-256-EXPR"];
        let secret = token("HT-SHA-256-EXPR");
        let bearer =
            Bearer::new("juliet", &secret, &offer(&names), &features("tls-exporter"), Some(&channel())).unwrap();
        assert_eq!(bearer.first(), FIRST);
        let success = |data: &str| {
            let text = format!("<success xmlns='urn:xmpp:sasl:2'><additional-data>{data}</additional-data></success>");
            bearer.check(&text.parse().unwrap())
        };
        assert!(success(ANSWER).is_ok());
        for wrong in ["", "=", FIRST, "AAAA"] {
            assert_eq!(success(wrong).err().map(|error| error.kind), Some(ErrorKind::ServerProof), "{wrong}");
        }
        assert!(bearer.check(&"<success xmlns='urn:xmpp:sasl:2'/>".parse().unwrap()).is_err());
    }

    #[test]
    fn a_token_is_used_and_asked_for_only_where_it_is_bound_by_the_exporter() {
        let all = ["HT-SHA-256-NONE", "HT-SHA-256-UNIQ", "HT-SHA-256-ENDP", "HT-SHA-256-EXPR"];
        let uses = |mechanism: &str, names: &[&str], binding: &str, channel: Option<&Channel>| {
            Bearer::new("juliet", &token(mechanism), &offer(names), &features(binding), channel).is_some()
        };
        assert!(uses("HT-SHA-256-EXPR", &all, "tls-exporter", Some(&channel())));
        assert!(!uses("HT-SHA-256-EXPR", &all[..3], "tls-exporter", Some(&channel())));
        assert!(!uses("HT-SHA-256-EXPR", &all, "tls-server-end-point", Some(&channel())));
        assert!(!uses("HT-SHA-256-EXPR", &all, "tls-exporter", None));
        for other in &all[..3] {
            assert!(!uses(other, &all, "tls-exporter", Some(&channel())), "{other}");
        }
        let asked = |names: &[&str], binding: &str| mechanism(&offer(names), &features(binding), Some(&channel()));
        assert_eq!(asked(&all, "tls-exporter"), Some("HT-SHA-256-EXPR"));
        assert_eq!(asked(&["HT-SHA-256-EXPR", "HT-SHA-512-EXPR"], "tls-exporter"), Some("HT-SHA-512-EXPR"));
        assert_eq!(asked(&all[..3], "tls-exporter"), None);
        assert_eq!(asked(&all, "tls-unique"), None);
        assert_eq!(mechanism(&offer(&all), &features("tls-exporter"), None), None);
    }

    #[test]
    fn only_a_whole_token_is_taken() {
        let given = |attributes: &str| {
            let text =
                format!("<success xmlns='urn:xmpp:sasl:2'><token xmlns='urn:xmpp:fast:0' {attributes}/></success>");
            given(&text.parse().unwrap(), "HT-SHA-256-EXPR")
        };
        let token = given("token='t' expiry='2026-12-01T00:00:00Z'").unwrap();
        assert_eq!((token.text.as_str(), token.expires), ("t", 1_796_083_200_000));
        for wrong in [
            "token='t'",
            "expiry='2026-12-01T00:00:00Z'",
            "token='' expiry='2026-12-01T00:00:00Z'",
            "token='t' expiry='soon'",
        ] {
            assert!(given(wrong).is_none(), "{wrong}");
        }
    }
}
