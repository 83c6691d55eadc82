//! From an encrypted byte stream to a bound or resumed session.
//!
//! One exchange of SASL2 (XEP-0388) with resumption, Bind2 (XEP-0386), stream management and carbons inline, where a
//! server offers it; else SASL, resource binding and XEP-0198 one after the other (RFC 6120). What is remembered of the
//! server is asked between [`choose`] and the first message; FAST is one more way to begin an exchange.

use super::bind::bind;
use super::connect::Secured;
use super::fast::{self, Bearer};
use super::features::Features;
use super::inline::{Ways, inline};
use super::leave::Leave;
use super::plain;
use super::sasl::choose;
use super::secret::Secret;
use super::talk::Talk;
use super::xml::{escape, ns};
use super::{Resumable, Settings};
use crate::error::{Error, ErrorKind};
use crate::model::Proof;
use crate::net::tls::Channel;
use crate::pin::{self, Binding, Pin, Shown};
use jid::FullJid;
use minidom::Element;
use rand::CryptoRng;
use sha2::{Digest, Sha256};

/// The stream to be resumed, and what `h` tells the server.
pub(crate) struct Resume {
    pub stream: Resumable,
    pub h: u32,
}

/// How the session stands after the login.
pub(crate) struct Session {
    pub talk: Talk,
    pub jid: FullJid,
    pub learned: Learned,
    pub carbons: bool,
    /// The server wants to know whether a person looks (XEP-0352).
    pub csi: bool,
    pub begun: Begun,
    /// What a refused resumption still acknowledged.
    pub refused: Option<Option<u32>>,
}

/// Where the counting of XEP-0198 stands.
pub(crate) enum Begun {
    /// The old stream goes on; the server has `h` of our stanzas, if it says so in a way that can be read.
    Resumed { h: Option<u32> },
    /// Counting begins; `id` if the stream can be resumed, and where that is best done.
    Counted { id: Option<String>, location: Option<String> },
    /// The server does not count.
    Plain,
}

/// Logs in, with the stream to be resumed if there is one.
///
/// Errors: those of the mechanism and the stream; `LoginRefused` if no session comes of it.
pub(crate) async fn login<R: CryptoRng + Send>(
    link: Secured,
    settings: &mut Settings,
    resume: Option<Resume>,
    leave: &mut Leave,
    rng: &mut R,
) -> Result<Session, Error> {
    let channel = link.channel;
    let mut talk = Talk::new(link.socket, settings.patience().login);
    let to = settings.jid.domain().as_str().to_owned();
    let from = settings.jid.to_string();
    let features = talk.open(&to, Some(&from)).await?;
    talk.nothing_early()?;
    let choose = |offered: &[String]| {
        let choice = choose(offered, &features, channel.as_ref(), settings.secret.only())
            .map_err(|error| pin::at_known(settings.pin.as_ref(), error, features.logins))?;
        let must_confirm = pin::must_confirm(settings.pin.as_ref(), choice.bound());
        Ok::<_, Error>(choice.doubting(must_confirm))
    };
    let learns = Learns { pin: settings.pin.clone(), shown: channel.as_ref().map(shown), leave };
    let mut needed = None;
    if let Some(offer) = &features.sasl2 {
        let bearer = Bearer::new(name(settings), &settings.secret, offer, &features, channel.as_ref());
        let choice = choose(&offer.mechanisms);
        if bearer.is_some() || choice.is_ok() {
            let wanted = fast::mechanism(offer, &features, channel.as_ref());
            let ways = Ways { offer, bearer, wanted, choice };
            return inline(talk, settings, learns, ways, resume, rng).await;
        }
        needed = choice.err().filter(|error| error.kind == ErrorKind::PasswordNeeded);
    }
    let choice = choose(&features.sasl).map_err(|error| needed.unwrap_or(error));
    if choice.is_err() && plain::may(settings.plain, &features, channel.as_ref(), settings.pin.as_ref()) {
        let password = settings.secret.password.clone().ok_or(ErrorKind::PasswordNeeded)?;
        plain::enter(&mut talk, name(settings), &password, learns.leave).await?;
        // No keys come of it, so the password stays.
        let learned = learns.from(plain::NAME, None, false, None);
        let features = talk.open(&to, Some(&from)).await?;
        return classic(talk, settings, &features, learned, resume).await;
    }
    let choice = choice?;
    let (mechanism, bound) = (choice.mechanism, choice.bound());
    let exchange = choice.begin(name(settings), &settings.secret, rng)?;
    talk.say(&format!("<auth xmlns='{}' mechanism='{mechanism}'>{}</auth>", ns::SASL, exchange.first())).await?;
    let (_, (confirmed, keys)) = exchange.finish(&mut talk, ns::SASL, learns.leave).await?;
    crate::killpoint::reach("login");
    let secret = Secret { keys: Some(keys), ..settings.secret.clone() };
    let learned = learns.from(mechanism, bound, confirmed.offer, Some(secret));
    let features = talk.open(&to, Some(&from)).await?;
    classic(talk, settings, &features, learned, resume).await
}

/// Whose certificate this channel's server showed.
pub(crate) fn shown(channel: &Channel) -> Shown {
    Shown { key: channel.key, issuer: channel.issuer.clone(), tls: channel.version.to_owned() }
}

/// What is to be learned of the server once it has proved the password.
pub(super) struct Learns<'a> {
    pin: Option<Pin>,
    shown: Option<Shown>,
    pub(super) leave: &'a mut Leave,
}

/// What was learned.
pub(crate) struct Learned {
    /// What is remembered of the server from now on; none without TLS.
    pub pin: Option<Pin>,
    pub proof: Proof,
    /// What to log in with from now on, if that changed.
    pub secret: Option<Secret>,
}

impl Learns<'_> {
    pub(super) fn from(
        self,
        mechanism: &str,
        bound: Option<Binding>,
        confirmed: bool,
        secret: Option<Secret>,
    ) -> Learned {
        let Some(shown) = self.shown else { return Learned { pin: None, proof: Proof::FirstUse, secret } };
        let (pin, proof) = pin::after(self.pin.as_ref(), pin::Login { shown, bound, confirmed, mechanism });
        Learned { pin: Some(pin), proof, secret }
    }
}

pub(super) fn name(settings: &Settings) -> &str {
    settings.jid.node().map(|node| node.as_str()).unwrap_or_default()
}

/// The same for each session of this installation, so that a new one takes the place of one that was left behind: else those
/// pile up on the server, and each of them is pushed for. It tells contacts nothing of what we are.
pub(super) fn resource(settings: &Settings) -> String {
    let digest = Sha256::digest(&settings.user_agent);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Resumption, or resource binding and stream management, one after the other.
pub(super) async fn classic(
    mut talk: Talk,
    settings: &Settings,
    features: &Features,
    learned: Learned,
    resume: Option<Resume>,
) -> Result<Session, Error> {
    let mut refused = None;
    if let Some(resume) = resume
        && features.sm
    {
        talk.say(&resume_request(&resume)).await?;
        let answer = talk.hear_sm().await?;
        if answer.is("resumed", ns::SM) {
            let begun = Begun::Resumed { h: h(&answer).filter(|_| is_ours(&resume, &answer, None)) };
            return Ok(Session {
                talk,
                jid: resume.stream.jid,
                learned,
                carbons: false,
                csi: features.csi,
                begun,
                refused: None,
            });
        }
        if !answer.is("failed", ns::SM) {
            return Err(ErrorKind::OutOfTurn.into());
        }
        refused = Some(h(&answer));
    }
    if !features.bind {
        return Err(ErrorKind::LoginRefused.into());
    }
    let jid = bind(&mut talk, settings).await?;
    let mut begun = Begun::Plain;
    if features.sm {
        talk.say(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await?;
        let answer = talk.hear_sm().await?;
        if answer.is("enabled", ns::SM) {
            begun = counted(&answer);
        }
    }
    Ok(Session { talk, jid, learned, carbons: false, csi: features.csi, begun, refused })
}

/// The address that the server gave the session: this account's.
///
/// Errors: `OutOfTurn` if it gave none, or somebody else's to an account that it meets first. A server that is remembered
/// gave ours before, so `Contradiction`: whoever makes us somebody else now is not to be gone on with, nor asked again and
/// again. Its key and its proof do not speak for it: an unbound login may be passed on by somebody who adds words.
pub(super) fn address(given: Option<String>, settings: &Settings) -> Result<FullJid, Error> {
    let jid = given.and_then(|given| FullJid::new(&given).ok()).ok_or(ErrorKind::OutOfTurn)?;
    if jid.to_bare() == settings.jid {
        return Ok(jid);
    }
    Err(if settings.pin.is_some() { ErrorKind::Contradiction } else { ErrorKind::OutOfTurn }.into())
}

pub(super) fn resume_request(resume: &Resume) -> String {
    format!("<resume xmlns='{}' h='{}' previd='{}'/>", ns::SM, resume.h, escape(&resume.stream.id))
}

/// Whether the stream that a server resumed is the one that we left, as far as it says.
pub(super) fn is_ours(resume: &Resume, resumed: &Element, who: Option<&str>) -> bool {
    let jid = &resume.stream.jid;
    resumed.attr("previd").is_none_or(|id| id == resume.stream.id)
        && who.is_none_or(|who| who == jid.as_str() || who == jid.to_bare().as_str())
}

pub(super) fn counted(enabled: &Element) -> Begun {
    let resumable = matches!(enabled.attr("resume"), Some("true" | "1"));
    let said = |name: &str, most: usize| {
        enabled.attr(name).filter(|text| resumable && (1..=most).contains(&text.len())).map(str::to_owned)
    };
    Begun::Counted { id: said("id", ID_MOST), location: said("location", LOCATION_MOST) }
}

/// The longest name that a stream may have (XEP-0198 §4).
const ID_MOST: usize = 4000;
/// The longest place that is believed.
const LOCATION_MOST: usize = 300;

pub(super) fn h(element: &Element) -> Option<u32> {
    element.attr("h")?.parse().ok()
}
