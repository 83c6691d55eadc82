//! One exchange for all (XEP-0388): login by token or password, with resumption, Bind2 (XEP-0386), stream management and
//! carbons inside.

use super::Settings;
use super::fast::{self, Bearer};
use super::features::Sasl2;
use super::login::{
    Begun, Learned, Learns, Resume, Session, address, classic, counted, h, is_ours, name, resource, resume_request,
};
use super::sasl::{Choice, failure};
use super::secret::{Secret, Token};
use super::talk::Talk;
use super::xml::{escape, ns};
use crate::error::{Error, ErrorKind};
use crate::pin::Binding;
use minidom::Element;
use rand::CryptoRng;
use std::sync::Arc;

/// What a server with SASL2 offers us, and what we have for it.
pub(super) struct Ways<'a> {
    pub offer: &'a Sasl2,
    /// A token that it takes.
    pub bearer: Option<Bearer>,
    /// What to ask a token for.
    pub wanted: Option<&'static str>,
    /// Else this.
    pub choice: Result<Choice, Error>,
}

/// Logs in by token if there is one, and by what is made from the password if that is refused.
pub(super) async fn inline<R: CryptoRng + Send>(
    mut talk: Talk,
    settings: &mut Settings,
    learns: Learns<'_>,
    ways: Ways<'_>,
    resume: Option<Resume>,
    rng: &mut R,
) -> Result<Session, Error> {
    let Ways { offer, bearer, wanted, choice } = ways;
    if let Some(bearer) = bearer {
        let fast = format!("<fast xmlns='{}' count='{}'/>", ns::FAST, settings.uses);
        let request = request(settings, offer, (bearer.mechanism, &bearer.first()), &fast, resume.as_ref());
        talk.say(&request).await?;
        let heard = talk.hear().await?;
        talk.nothing_early()?;
        if heard.is("success", ns::SASL2) {
            bearer.check(&heard)?;
            learns.leave.answered().await?;
            let rotated = fast::given(&heard, bearer.mechanism);
            let token = rotated.clone().or_else(|| settings.secret.token.clone());
            let secret = rotated.map(|_| Secret { token, ..settings.secret.clone() });
            let learned = learns.from(bearer.mechanism, Some(Binding::Exporter), false, secret);
            return session(talk, settings, offer, learned, heard, resume).await;
        }
        if !heard.is("failure", ns::SASL2) {
            return Err(Talk::neither(&heard));
        }
        if failure(&heard, ErrorKind::LoginRefused) == ErrorKind::ServerBusy {
            return Err(ErrorKind::ServerBusy.into());
        }
        // It is not tried again. The store forgets it once the server has proved in another way who it is.
        tracing::info!(target: "dunnock", "a token was refused");
        settings.secret.token = None;
    }
    let choice = choice?;
    let (mechanism, bound) = (choice.mechanism, choice.bound());
    let exchange = choice.begin(name(settings), &settings.secret, rng)?;
    // Who sits in between an unbound login would get the token, and could come back with it.
    let wanted = wanted.filter(|_| bound.is_some());
    let asks = wanted.map(|wanted| format!("<request-token xmlns='{}' mechanism='{wanted}'/>", ns::FAST));
    let asks = asks.unwrap_or_default();
    talk.say(&request(settings, offer, (mechanism, &exchange.first()), &asks, resume.as_ref())).await?;
    let (success, (confirmed, keys)) = exchange.finish(&mut talk, ns::SASL2, learns.leave).await?;
    let new: Option<Arc<Token>> = wanted.and_then(|wanted| fast::given(&success, wanted));
    let token = new.or_else(|| settings.secret.token.clone());
    let secret = Secret { keys: Some(keys), token, ..settings.secret.clone() };
    let learned = learns.from(mechanism, bound, confirmed.offer, Some(secret));
    session(talk, settings, offer, learned, success, resume).await
}

/// The one request: mechanism and its first message, what goes along, and what is to be bound or resumed.
fn request(
    settings: &Settings,
    offer: &Sasl2,
    (mechanism, first): (&str, &str),
    along: &str,
    resume: Option<&Resume>,
) -> String {
    let mut request = format!(
        "<authenticate xmlns='{}' mechanism='{mechanism}'><initial-response>{first}</initial-response>\
         <user-agent id='{}'/>{along}",
        ns::SASL2,
        escape(&settings.user_agent),
    );
    if let Some(bind2) = &offer.bind2 {
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
    if let Some(resume) = resume.filter(|_| offer.resume) {
        request += &resume_request(resume);
    }
    request + "</authenticate>"
}

/// What the `<success/>` makes of it.
async fn session(
    mut talk: Talk,
    settings: &Settings,
    offer: &Sasl2,
    learned: Learned,
    success: Element,
    resume: Option<Resume>,
) -> Result<Session, Error> {
    // Those were for strangers; what holds now comes with the next features.
    talk.limits = None;
    crate::killpoint::reach("login");
    let child = |name: &str, namespace: &str| success.children().find(|child| child.is(name, namespace));
    let bind2 = offer.bind2.as_ref();
    let csi = bind2.is_some_and(|bind2| bind2.csi);
    let mut refused = None;
    if let Some(resume) = resume.as_ref().filter(|_| offer.resume) {
        if let Some(resumed) = child("resumed", ns::SM) {
            let who = child("authorization-identifier", ns::SASL2).map(Element::text);
            let begun = Begun::Resumed { h: h(resumed).filter(|_| is_ours(resume, resumed, who.as_deref())) };
            let (jid, carbons) = (resume.stream.jid.clone(), false);
            return Ok(Session { talk, jid, learned, carbons, csi, begun, refused: None });
        }
        refused = Some(child("failed", ns::SM).and_then(h));
    }
    let Some(bound) = child("bound", ns::BIND2) else {
        // A server with SASL2 alone: its features come next, and the rest is as it always was.
        let features = talk.features().await?;
        let resume = if offer.resume { None } else { resume };
        let mut session = classic(talk, settings, &features, learned, resume).await?;
        session.refused = session.refused.or(refused);
        return Ok(session);
    };
    let jid = address(child("authorization-identifier", ns::SASL2).map(Element::text), settings)?;
    let begun = match bound.children().find(|child| child.is("enabled", ns::SM)) {
        Some(enabled) => counted(enabled),
        None => Begun::Plain,
    };
    let carbons = bind2.is_some_and(|bind2| bind2.carbons);
    Ok(Session { talk, jid, learned, carbons, csi, begun, refused })
}
