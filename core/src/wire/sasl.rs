//! Choosing a mechanism and speaking it, in the forms of RFC 6120 §6 and XEP-0388.

use super::features::Features;
use super::leave::Leave;
use super::scram::{Confirmed, Flag, Hash, Heard, Scram, ServerProof};
use super::secret::{Keys, Secret};
use super::talk::Talk;
use super::xml::ns;
use crate::error::{Error, ErrorKind};
use crate::net::tls::Channel;
use crate::pin::Binding;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use minidom::Element;
use rand::CryptoRng;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What is chosen of an offer.
pub(crate) struct Choice {
    pub mechanism: &'static str,
    hash: Hash,
    flag: Flag,
    heard: Heard,
    /// The offer names bindings of which none is known, not even the one that each server has to offer (XEP-0440 §4):
    /// unless the server confirms it, somebody put it there.
    doubtful: bool,
}

/// The mechanisms that we speak, strongest first: name, name of the bound form. A bound login comes before a stronger hash:
/// it is what an interceptor cannot pass. PLAIN is not among them and never will be.
const MECHANISMS: [(&str, &str, Hash); 3] = [
    ("SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", Hash::Sha512),
    ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", Hash::Sha256),
    ("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", Hash::Sha1),
];

/// Picks a mechanism: bound by `tls-exporter`, else bound by `tls-server-end-point`, else unbound; of each the strongest hash.
///
/// `only`: there are only keys for this hash. Errors: `NoMechanism`, which names the offer; `PasswordNeeded` if the offer
/// lacks that hash.
pub(crate) fn choose(
    offered: &[String],
    features: &Features,
    channel: Option<&Channel>,
    only: Option<Hash>,
) -> Result<Choice, Error> {
    let has = |mechanism: &str| offered.iter().any(|name| name == mechanism);
    let ours = || MECHANISMS.into_iter().filter(|(_, _, hash)| only.is_none_or(|only| only == *hash));
    let unbound = ours().find(|(name, ..)| has(name));
    let plus = ours().find(|(_, plus, _)| has(plus));
    if only.is_some() && unbound.is_none() && plus.is_none() {
        // What we have is for a mechanism that is offered no more; for another one the password would do.
        choose(offered, features, channel, None)?;
        return Err(ErrorKind::PasswordNeeded.into());
    }
    let binding = channel.and_then(|channel| binding(features, channel, unbound.is_some()));
    let heard = Heard { offer: features.offer(offered), tls: channel.map(|channel| channel.version) };
    if let (Some((_, mechanism, hash)), Some((binding, data))) = (plus, &binding) {
        let flag = Flag::Bound(*binding, data.clone());
        return Ok(Choice { mechanism, hash, flag, heard, doubtful: false });
    }
    let Some((mechanism, _, hash)) = unbound else {
        return Err(Error::about(ErrorKind::NoMechanism, offered.join(" ")));
    };
    let plus_offered = offered.iter().any(|name| name.ends_with("-PLUS"));
    // A server that offers no -PLUS, or does not say what for (XEP-0440), is told that we could have bound: if somebody took
    // that away it refuses before anything of the password is shown. ejabberd 23.01, which names nothing and means
    // `tls-unique` even over TLS 1.3, lets it pass.
    let flag = if channel.is_some() && (!plus_offered || features.bindings.is_none()) {
        Flag::NotOffered
    } else {
        Flag::Unable
    };
    let named = features.bindings.as_ref().is_some_and(|types| !types.iter().any(|name| *name == ALWAYS.name()));
    let doubtful = plus_offered && binding.is_none() && named && channel.is_some();
    Ok(Choice { mechanism, hash, flag, heard, doubtful })
}

/// The binding that each server with channel binding has to offer (XEP-0440 §4).
const ALWAYS: Binding = Binding::EndPoint;

/// How a login over this channel can be bound.
fn binding(features: &Features, channel: &Channel, unbound: bool) -> Option<(Binding, Zeroizing<Vec<u8>>)> {
    let exporter = || (Binding::Exporter, Zeroizing::new(channel.exporter.to_vec()));
    let end_point = || Some((Binding::EndPoint, Zeroizing::new(channel.end_point.clone()?)));
    let Some(types) = &features.bindings else {
        // RFC 9266 §3 makes the exporter the default of TLS 1.3, but servers that do not name what they can (XEP-0440) mean
        // `tls-unique` even there, and refuse the right password for it: such a login is bound only where there is no other.
        return (!unbound).then(exporter);
    };
    let named = |binding: Binding| types.iter().any(|name| name == binding.name());
    if named(Binding::Exporter) { Some(exporter()) } else { named(Binding::EndPoint).then(end_point).flatten() }
}

impl Choice {
    /// How it binds the login.
    pub(crate) fn bound(&self) -> Option<Binding> {
        match self.flag {
            Flag::Bound(binding, _) => Some(binding),
            Flag::NotOffered | Flag::Unable => None,
        }
    }

    /// If asked for, it ends unless the server confirms its offer.
    pub(crate) fn doubting(self, doubtful: bool) -> Self {
        Choice { doubtful: self.doubtful || doubtful, ..self }
    }

    /// The exchange, with a fresh nonce.
    pub(crate) fn begin(self, name: &str, secret: &Secret, rng: &mut impl CryptoRng) -> Result<Exchange, Error> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let nonce = STANDARD_NO_PAD.encode(nonce);
        let scram = Scram::new(self.hash, name, secret, &self.flag, self.heard, nonce)?.doubting(self.doubtful);
        // What we send is as it should be; a server that calls it malformed means the channel (so does Prosody).
        let malformed = match self.flag {
            Flag::Bound(..) => ErrorKind::BindingRefused,
            Flag::NotOffered => ErrorKind::OfferAltered,
            Flag::Unable => ErrorKind::LoginRefused,
        };
        Ok(Exchange { scram: Some(scram), proof: None, proved: None, malformed })
    }
}

/// What the server confirmed inside of an exchange, and the keys that it was done with.
pub(crate) type Proved = (Confirmed, Arc<Keys>);

/// An exchange under way.
pub(crate) struct Exchange {
    scram: Option<Scram>,
    proof: Option<ServerProof>,
    proved: Option<Proved>,
    /// What a server means that calls our message malformed.
    malformed: ErrorKind,
}

impl Exchange {
    /// The first message, for the wire.
    pub(crate) fn first(&self) -> String {
        BASE64.encode(self.scram.as_ref().map(Scram::first).unwrap_or_default())
    }

    /// Talks on until the server's `<success/>`, whose proof was checked, and returns it with what the server confirmed.
    /// `namespace` tells the form; `leave` is asked before anything made from the password is shown.
    ///
    /// Errors: `ServerProof`, what `<failure/>` means, and those of [`Talk::hear`] and [`Leave::ask`].
    pub(crate) async fn finish(
        mut self,
        talk: &mut Talk,
        namespace: &str,
        leave: &mut Leave,
    ) -> Result<(Element, Proved), Error> {
        loop {
            let heard = talk.hear().await?;
            talk.nothing_early()?;
            if heard.is("challenge", namespace) {
                let proves = self.proof.is_none() && self.proved.is_none();
                let answer = self.challenge(decode(&heard.text())?).await?;
                if proves {
                    leave.ask().await?;
                }
                talk.say(&format!("<response xmlns='{namespace}'>{}</response>", BASE64.encode(&answer[..]))).await?;
            } else if heard.is("success", namespace) {
                let proved = self.success(&heard, namespace)?;
                leave.answered().await?;
                return Ok((heard, proved));
            } else if heard.is("failure", namespace) {
                return Err(failure(&heard, self.malformed).into());
            } else {
                return Err(Talk::neither(&heard));
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

    fn verify(&mut self, last: &[u8]) -> Result<Proved, Error> {
        let proof = self.proof.take().ok_or(ErrorKind::ServerProof)?;
        let proved = proof.check(last)?;
        self.proved = Some(proved.clone());
        Ok(proved)
    }

    fn success(&mut self, success: &Element, namespace: &str) -> Result<Proved, Error> {
        let data = match namespace {
            ns::SASL2 => success.children().find(|c| c.is("additional-data", ns::SASL2)).map(Element::text),
            _ => Some(success.text()).filter(|text| !text.trim().is_empty()),
        };
        match (self.proved.take(), data) {
            (Some(proved), _) => Ok(proved),
            (None, Some(data)) => self.verify(&decode(&data)?),
            (None, None) => Err(ErrorKind::ServerProof.into()),
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
pub(crate) fn failure(failure: &Element, malformed: ErrorKind) -> ErrorKind {
    let condition = failure.children().find(|child| child.name() != "text").map(Element::name).unwrap_or_default();
    match condition {
        "not-authorized" => ErrorKind::WrongPassword,
        // The server's trouble, not ours: it may pass.
        "temporary-auth-failure" => ErrorKind::ServerBusy,
        "invalid-mechanism" | "mechanism-too-weak" | "encryption-required" => ErrorKind::NoMechanism,
        "malformed-request" => malformed,
        _ => ErrorKind::LoginRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn channel() -> Channel {
        Channel {
            exporter: Zeroizing::new([7; 32]),
            end_point: Some(vec![8; 32]),
            version: "0304",
            key: [1; 32],
            issuer: String::new(),
        }
    }

    fn chosen(
        names: &[&str],
        bindings: Option<&[&str]>,
        channel: Option<&Channel>,
    ) -> Option<(&'static str, &'static str)> {
        let features = Features { bindings: bindings.map(offer), ..Features::default() };
        let choice = choose(&offer(names), &features, channel, None).ok()?;
        let flag = match choice.flag {
            Flag::Bound(Binding::Exporter, _) => "p",
            Flag::Bound(Binding::EndPoint, _) => "p end-point",
            Flag::NotOffered => "y",
            Flag::Unable if choice.doubtful => "n?",
            Flag::Unable => "n",
        };
        Some((choice.mechanism, flag))
    }

    #[test]
    fn a_bound_login_is_preferred_to_a_stronger_hash() {
        let names = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"];
        let types = Some(["tls-server-end-point", "tls-exporter"].as_slice());
        assert_eq!(chosen(&names, types, Some(&channel())), Some(("SCRAM-SHA-1-PLUS", "p")));
        assert_eq!(chosen(&names, types, None), Some(("SCRAM-SHA-256", "n")));
    }

    #[test]
    fn a_login_is_bound_only_the_way_that_the_server_names() {
        let names = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"];
        assert_eq!(chosen(&names, None, Some(&channel())), Some(("SCRAM-SHA-1", "y")));
        assert_eq!(chosen(&names[..1], None, Some(&channel())), Some(("SCRAM-SHA-1-PLUS", "p")));
        assert_eq!(chosen(&names, Some(&["tls-unique"]), Some(&channel())), Some(("SCRAM-SHA-1", "n?")));
        let both = Some(["tls-unique", "tls-server-end-point"].as_slice());
        assert_eq!(chosen(&names, both, Some(&channel())), Some(("SCRAM-SHA-1-PLUS", "p end-point")));
        let without = Channel { end_point: None, ..channel() };
        assert_eq!(chosen(&names, both, Some(&without)), Some(("SCRAM-SHA-1", "n")));
    }

    #[test]
    fn of_two_bound_logins_the_stronger_hash_is_chosen() {
        let names = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"];
        let types = Some(["tls-exporter"].as_slice());
        assert_eq!(chosen(&names, types, Some(&channel())), Some(("SCRAM-SHA-512-PLUS", "p")));
        assert_eq!(chosen(&names[3..], types, Some(&channel())), Some(("SCRAM-SHA-512", "y")));
    }

    #[test]
    fn a_missing_offer_of_binding_is_told_to_the_server() {
        let names = ["SCRAM-SHA-1", "SCRAM-SHA-256"];
        assert_eq!(chosen(&names, None, Some(&channel())), Some(("SCRAM-SHA-256", "y")));
        assert_eq!(chosen(&names, None, None), Some(("SCRAM-SHA-256", "n")));
    }

    #[test]
    fn plain_is_never_chosen() {
        assert_eq!(chosen(&["PLAIN", "DIGEST-MD5", "OAUTHBEARER"], None, Some(&channel())), None);
        assert_eq!(chosen(&[], None, None), None);
    }
}
