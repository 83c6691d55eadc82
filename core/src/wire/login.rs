//! From an encrypted byte stream to a bound or resumed session.
//!
//! One exchange of SASL2 (XEP-0388) with resumption, Bind2 (XEP-0386), stream management and carbons inline, where a
//! server offers it; else SASL, resource binding and XEP-0198 one after the other (RFC 6120). What is remembered of the
//! server is asked between [`choose`] and the first message; FAST is one more way to begin an exchange.

use super::connect::Secured;
use super::features::{Features, Sasl2};
use super::leave::Leave;
use super::plain;
use super::sasl::{Choice, choose};
use super::scram::Confirmed;
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
    pub proof: Proof,
    /// What is remembered of the server from now on; none without TLS.
    pub pin: Option<Pin>,
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
    settings: &Settings,
    resume: Option<Resume>,
    leave: &mut Leave,
    rng: &mut R,
) -> Result<Session, Error> {
    let channel = link.channel;
    let mut talk = Talk::new(link.socket, settings.patience().login);
    let to = settings.jid.domain().as_str().to_owned();
    let from = settings.jid.to_string();
    let features = talk.open(&to, Some(&from)).await?;
    let choose = |offered: &[String]| {
        let choice = choose(offered, &features, channel.as_ref())?;
        let must_confirm = pin::must_confirm(settings.pin.as_ref(), choice.bound());
        Ok::<_, Error>(choice.doubting(must_confirm))
    };
    let learns = Learns { settings, shown: channel.as_ref().map(shown), leave };
    if let Some(sasl2) = &features.sasl2
        && let Ok(choice) = choose(&sasl2.mechanisms)
    {
        return inline(talk, learns, sasl2, choice, resume, rng).await;
    }
    let choice = choose(&features.sasl);
    if choice.is_err() && plain::may(settings.plain, &features, channel.as_ref(), settings.pin.as_ref()) {
        plain::enter(&mut talk, name(settings), &settings.password, learns.leave).await?;
        let learned = learns.from(plain::NAME, None, Confirmed::default());
        let features = talk.open(&to, Some(&from)).await?;
        return classic(talk, settings, &features, learned, resume).await;
    }
    let choice = choice?;
    let (mechanism, bound) = (choice.mechanism, choice.bound());
    let exchange = choice.begin(name(settings), &settings.password, rng)?;
    talk.say(&format!("<auth xmlns='{}' mechanism='{mechanism}'>{}</auth>", ns::SASL, exchange.first())).await?;
    let (_, confirmed) = exchange.finish(&mut talk, ns::SASL, learns.leave).await?;
    crate::killpoint::reach("login");
    let learned = learns.from(mechanism, bound, confirmed);
    let features = talk.open(&to, Some(&from)).await?;
    classic(talk, settings, &features, learned, resume).await
}

/// Whose certificate this channel's server showed.
pub(crate) fn shown(channel: &Channel) -> Shown {
    Shown { key: channel.key, issuer: channel.issuer.clone(), tls: channel.version.to_owned() }
}

/// What is to be learned of the server once it has proved the password.
struct Learns<'a> {
    settings: &'a Settings,
    shown: Option<Shown>,
    leave: &'a mut Leave,
}

/// What was learned.
struct Learned {
    pin: Option<Pin>,
    proof: Proof,
}

impl Learns<'_> {
    fn from(self, mechanism: &str, bound: Option<Binding>, confirmed: Confirmed) -> Learned {
        let Some(shown) = self.shown else { return Learned { pin: None, proof: Proof::FirstUse } };
        let login = pin::Login { shown, bound, confirmed: confirmed.offer, mechanism };
        let (pin, proof) = pin::after(self.settings.pin.as_ref(), login);
        Learned { pin: Some(pin), proof }
    }
}

fn name(settings: &Settings) -> &str {
    settings.jid.node().map(|node| node.as_str()).unwrap_or_default()
}

/// The same for each session of this installation, so that a new one takes the place of one that was left behind: else those
/// pile up on the server, and each of them is pushed for. It tells contacts nothing of what we are.
fn resource(settings: &Settings) -> String {
    let digest = Sha256::digest(&settings.user_agent);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// One exchange for all.
async fn inline<R: CryptoRng + Send>(
    mut talk: Talk,
    learns: Learns<'_>,
    offer: &Sasl2,
    choice: Choice,
    resume: Option<Resume>,
    rng: &mut R,
) -> Result<Session, Error> {
    let settings = learns.settings;
    let (mechanism, bound) = (choice.mechanism, choice.bound());
    let exchange = choice.begin(name(settings), &settings.password, rng)?;
    let bind2 = offer.bind2.as_ref();
    let csi = bind2.is_some_and(|bind2| bind2.csi);
    let asked = resume.as_ref().filter(|_| offer.resume);
    let mut request = format!(
        "<authenticate xmlns='{}' mechanism='{mechanism}'><initial-response>{}</initial-response>\
         <user-agent id='{}'/>",
        ns::SASL2,
        exchange.first(),
        escape(&settings.user_agent),
    );
    if let Some(bind2) = bind2 {
        // The tag becomes part of the resource.
        request += &format!("<bind xmlns='{}'><tag>{}</tag>", ns::BIND2, resource(settings));
        if bind2.sm {
            request += &format!("<enable xmlns='{}' resume='true'/>", ns::SM);
        }
        if bind2.carbons {
            request += &format!("<enable xmlns='{}'/>", ns::CARBONS);
        }
        request += "</bind>";
    }
    if let Some(resume) = asked {
        request += &resume_request(resume);
    }
    request += "</authenticate>";
    talk.say(&request).await?;
    let (success, confirmed) = exchange.finish(&mut talk, ns::SASL2, learns.leave).await?;
    // Those were for strangers; what holds now comes with the next features.
    talk.limits = None;
    crate::killpoint::reach("login");
    let Learned { pin, proof } = learns.from(mechanism, bound, confirmed);
    let child = |name: &str, namespace: &str| success.children().find(|child| child.is(name, namespace));

    let mut refused = None;
    if let Some(resume) = &resume
        && asked.is_some()
    {
        if let Some(resumed) = child("resumed", ns::SM) {
            let who = child("authorization-identifier", ns::SASL2).map(Element::text);
            let begun = Begun::Resumed { h: h(resumed).filter(|_| is_ours(resume, resumed, who.as_deref())) };
            let (jid, carbons) = (resume.stream.jid.clone(), false);
            return Ok(Session { talk, jid, proof, pin, carbons, csi, begun, refused: None });
        }
        refused = Some(child("failed", ns::SM).and_then(h));
    }
    let Some(bound) = child("bound", ns::BIND2) else {
        // A server with SASL2 alone: its features come next, and the rest is as it always was.
        let features = talk.features().await?;
        let resume = if asked.is_some() { None } else { resume };
        let mut session = classic(talk, settings, &features, Learned { pin, proof }, resume).await?;
        session.refused = session.refused.or(refused);
        return Ok(session);
    };
    let jid = child("authorization-identifier", ns::SASL2)
        .and_then(|id| FullJid::new(&id.text()).ok())
        .filter(|jid| jid.to_bare() == settings.jid);
    let begun = match bound.children().find(|child| child.is("enabled", ns::SM)) {
        Some(enabled) => counted(enabled),
        None => Begun::Plain,
    };
    let carbons = bind2.is_some_and(|bind2| bind2.carbons);
    Ok(Session { talk, jid: jid.ok_or(ErrorKind::LoginRefused)?, proof, pin, carbons, csi, begun, refused })
}

/// Resumption, or resource binding and stream management, one after the other.
async fn classic(
    mut talk: Talk,
    settings: &Settings,
    features: &Features,
    Learned { pin, proof }: Learned,
    resume: Option<Resume>,
) -> Result<Session, Error> {
    let mut refused = None;
    if let Some(resume) = resume
        && features.sm
    {
        talk.say(&resume_request(&resume)).await?;
        let answer = talk.hear().await?;
        if answer.is("resumed", ns::SM) {
            let begun = Begun::Resumed { h: h(&answer).filter(|_| is_ours(&resume, &answer, None)) };
            return Ok(Session {
                talk,
                jid: resume.stream.jid,
                proof,
                pin,
                carbons: false,
                csi: features.csi,
                begun,
                refused: None,
            });
        }
        if !answer.is("failed", ns::SM) {
            return Err(ErrorKind::StreamRefused.into());
        }
        refused = Some(h(&answer));
    }
    if !features.bind {
        return Err(ErrorKind::LoginRefused.into());
    }
    let resource = resource(settings);
    let bind = format!("<bind xmlns='{}'><resource>{resource}</resource></bind>", ns::BIND);
    talk.say(&format!("<iq type='set' id='bind'>{bind}</iq>")).await?;
    let answer = talk.answer("bind").await?;
    let jid = answer
        .children()
        .find(|child| child.is("bind", ns::BIND))
        .and_then(|bind| bind.children().find(|child| child.is("jid", ns::BIND)))
        .and_then(|jid| FullJid::new(&jid.text()).ok())
        .filter(|jid| jid.to_bare() == settings.jid)
        .ok_or(ErrorKind::LoginRefused)?;
    let mut begun = Begun::Plain;
    if features.sm {
        talk.say(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await?;
        let answer = talk.hear().await?;
        if answer.is("enabled", ns::SM) {
            begun = counted(&answer);
        }
    }
    Ok(Session { talk, jid, proof, pin, carbons: false, csi: features.csi, begun, refused })
}

fn resume_request(resume: &Resume) -> String {
    format!("<resume xmlns='{}' h='{}' previd='{}'/>", ns::SM, resume.h, escape(&resume.stream.id))
}

/// Whether the stream that a server resumed is the one that we left, as far as it says.
fn is_ours(resume: &Resume, resumed: &Element, who: Option<&str>) -> bool {
    let jid = &resume.stream.jid;
    resumed.attr("previd").is_none_or(|id| id == resume.stream.id)
        && who.is_none_or(|who| who == jid.as_str() || who == jid.to_bare().as_str())
}

fn counted(enabled: &Element) -> Begun {
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

fn h(element: &Element) -> Option<u32> {
    element.attr("h")?.parse().ok()
}
