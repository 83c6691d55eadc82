//! Choosing a mechanism and speaking it, in the forms of RFC 6120 §6 and XEP-0388.

use super::features::Features;
use super::scram::{Channel, Hash, Scram, ServerProof};
use super::talk::Talk;
use super::xml::ns;
use crate::error::{Error, ErrorKind};
use crate::model::Proof;
use crate::net::tls::Exporter;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use minidom::Element;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// What is chosen of an offer.
pub(crate) struct Choice {
    pub mechanism: &'static str,
    hash: Hash,
    channel: Channel,
}

/// The mechanisms that we speak, strongest first. A bound login comes before a stronger hash: it is what an interceptor
/// cannot pass. PLAIN is not among them and never will be.
const MECHANISMS: [(&str, Hash, bool); 4] = [
    ("SCRAM-SHA-256-PLUS", Hash::Sha256, true),
    ("SCRAM-SHA-1-PLUS", Hash::Sha1, true),
    ("SCRAM-SHA-256", Hash::Sha256, false),
    ("SCRAM-SHA-1", Hash::Sha1, false),
];

/// Picks a mechanism.
///
/// Errors: `NoMechanism`, which names the offer.
pub(crate) fn choose(offered: &[String], features: &Features, exporter: Option<&Exporter>) -> Result<Choice, Error> {
    // RFC 9266 §3 makes the exporter the default of TLS 1.3, but servers that do not name what they can (XEP-0440) mean
    // `tls-unique` even there, and refuse the right password for it: such a login is bound only where there is no other.
    // A server that offers no -PLUS at all is told that we could have bound.
    let exporter = exporter.filter(|_| match &features.bindings {
        Some(types) => types.iter().any(|name| name == "tls-exporter"),
        None => true,
    });
    let unbound = offered.iter().any(|name| MECHANISMS.iter().any(|(known, _, plus)| !plus && known == name));
    let may_bind = features.bindings.is_some() || !unbound;
    let plus_offered = offered.iter().any(|name| name.ends_with("-PLUS"));
    for (mechanism, hash, plus) in MECHANISMS {
        if !offered.iter().any(|name| name == mechanism) {
            continue;
        }
        let channel = match (plus, exporter) {
            (true, Some(exporter)) if may_bind => Channel::Bound(exporter.key.clone()),
            (true, _) => continue,
            (false, Some(_)) if !plus_offered => Channel::NotOffered,
            (false, _) => Channel::Unable,
        };
        return Ok(Choice { mechanism, hash, channel });
    }
    Err(Error::about(ErrorKind::NoMechanism, offered.join(" ")))
}

impl Choice {
    /// What this login will have proved.
    pub(crate) fn proof(&self) -> Proof {
        if matches!(self.channel, Channel::Bound(_)) { Proof::Proved } else { Proof::FirstUse }
    }

    /// The exchange, with a fresh nonce.
    pub(crate) fn begin(self, name: &str, password: &str, rng: &mut impl CryptoRng) -> Result<Exchange, Error> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let scram = Scram::new(self.hash, name, password, self.channel, STANDARD_NO_PAD.encode(nonce))?;
        Ok(Exchange { scram: Some(scram), proof: None, proved: false })
    }
}

/// An exchange under way.
pub(crate) struct Exchange {
    scram: Option<Scram>,
    proof: Option<ServerProof>,
    proved: bool,
}

impl Exchange {
    /// The first message, for the wire.
    pub(crate) fn first(&self) -> String {
        BASE64.encode(self.scram.as_ref().map(Scram::first).unwrap_or_default())
    }

    /// Talks on until the server's `<success/>`, whose proof was checked, and returns it. `namespace` tells the form.
    ///
    /// Errors: `ServerProof`, what `<failure/>` means, and those of [`Talk::hear`].
    pub(crate) async fn finish(mut self, talk: &mut Talk, namespace: &str) -> Result<Element, Error> {
        loop {
            let heard = talk.hear().await?;
            if heard.is("challenge", namespace) {
                let answer = self.challenge(decode(&heard.text())?).await?;
                talk.say(&format!("<response xmlns='{namespace}'>{}</response>", BASE64.encode(&answer[..]))).await?;
            } else if heard.is("success", namespace) {
                self.success(&heard, namespace)?;
                return Ok(heard);
            } else if heard.is("failure", namespace) {
                return Err(failure(&heard));
            } else {
                // Also `<continue/>` of XEP-0388: a task that we do not know.
                return Err(ErrorKind::LoginRefused.into());
            }
        }
    }

    async fn challenge(&mut self, challenge: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, Error> {
        if let Some(scram) = self.scram.take() {
            // Many iterations take long: not on a thread that drives other accounts.
            let answer = tokio::task::spawn_blocking(move || scram.answer(&challenge));
            let (answer, proof) = answer.await.map_err(|_| ErrorKind::Internal)??;
            self.proof = Some(proof);
            return Ok(answer);
        }
        // The server's last message may come as a challenge that wants an empty answer (RFC 6120 §6.4.6).
        self.verify(&challenge)?;
        Ok(Zeroizing::default())
    }

    fn verify(&mut self, last: &[u8]) -> Result<(), Error> {
        let proof = self.proof.take().ok_or(ErrorKind::ServerProof)?;
        proof.check(last)?;
        self.proved = true;
        Ok(())
    }

    fn success(&mut self, success: &Element, namespace: &str) -> Result<(), Error> {
        let data = match namespace {
            ns::SASL2 => success.children().find(|c| c.is("additional-data", ns::SASL2)).map(Element::text),
            _ => Some(success.text()).filter(|text| !text.trim().is_empty()),
        };
        match data {
            Some(data) if !self.proved => self.verify(&decode(&data)?),
            _ if self.proved => Ok(()),
            _ => Err(ErrorKind::ServerProof.into()),
        }
    }
}

/// SASL data of an element; a lone `=` is the empty message (RFC 6120 §6.4.2).
fn decode(text: &str) -> Result<Vec<u8>, Error> {
    let text = text.trim();
    if text == "=" {
        return Ok(Vec::new());
    }
    BASE64.decode(text).map_err(|_| ErrorKind::ServerProof.into())
}

/// What a `<failure/>` (RFC 6120 §6.5) means.
fn failure(failure: &Element) -> Error {
    let condition = failure.children().find(|child| child.name() != "text").map(Element::name).unwrap_or_default();
    match condition {
        "not-authorized" => ErrorKind::WrongPassword,
        // The server's trouble, not ours: it may pass.
        "temporary-auth-failure" => ErrorKind::StreamRefused,
        "invalid-mechanism" | "mechanism-too-weak" | "encryption-required" => ErrorKind::NoMechanism,
        _ => ErrorKind::LoginRefused,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn exporter() -> Exporter {
        Exporter { key: Zeroizing::new([7; 32]) }
    }

    fn chosen(
        names: &[&str],
        bindings: Option<&[&str]>,
        exporter: Option<&Exporter>,
    ) -> Option<(&'static str, &'static str)> {
        let features = Features { bindings: bindings.map(offer), ..Features::default() };
        let choice = choose(&offer(names), &features, exporter).ok()?;
        let flag = match choice.channel {
            Channel::Bound(_) => "p",
            Channel::NotOffered => "y",
            Channel::Unable => "n",
        };
        Some((choice.mechanism, flag))
    }

    #[test]
    fn a_bound_login_is_preferred_to_a_stronger_hash() {
        let names = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"];
        let types = Some(["tls-server-end-point", "tls-exporter"].as_slice());
        assert_eq!(chosen(&names, types, Some(&exporter())), Some(("SCRAM-SHA-1-PLUS", "p")));
        assert_eq!(chosen(&names, types, None), Some(("SCRAM-SHA-256", "n")));
    }

    #[test]
    fn a_login_is_bound_only_the_way_that_the_server_names() {
        let names = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"];
        assert_eq!(chosen(&names, None, Some(&exporter())), Some(("SCRAM-SHA-1", "n")));
        assert_eq!(chosen(&names[..1], None, Some(&exporter())), Some(("SCRAM-SHA-1-PLUS", "p")));
        assert_eq!(chosen(&names, Some(&["tls-unique"]), Some(&exporter())), Some(("SCRAM-SHA-1", "n")));
    }

    #[test]
    fn a_missing_offer_of_binding_is_told_to_the_server() {
        let names = ["SCRAM-SHA-1", "SCRAM-SHA-256"];
        assert_eq!(chosen(&names, None, Some(&exporter())), Some(("SCRAM-SHA-256", "y")));
        assert_eq!(chosen(&names, None, None), Some(("SCRAM-SHA-256", "n")));
    }

    #[test]
    fn plain_is_never_chosen() {
        assert_eq!(chosen(&["PLAIN", "DIGEST-MD5", "OAUTHBEARER"], None, Some(&exporter())), None);
        assert_eq!(chosen(&[], None, None), None);
    }
}
