//! In-Band Registration (XEP-0077), before any login and only over TLS.

use super::Settings;
use super::connect::{Connect, Network, Secured};
use super::talk::Talk;
use super::xml::{self, escape, ns};
use crate::error::{Error, ErrorKind};
use crate::net::Door;
use minidom::Element;
use rand::CryptoRng;

/// Makes the account of these settings, with their password.
///
/// Errors: `RegistrationClosed` if the server takes none from a client or wants more than a name and a password,
/// `RegistrationRefused` if it does not take this one, and those of a connection.
pub(crate) async fn register<R: CryptoRng + Send>(settings: &Settings, door: Door, rng: &mut R) -> Result<(), Error> {
    let link = Network::new(settings.clone(), door).connect(rng).await?;
    over(link, settings).await
}

/// The same over a secured stream.
pub(super) async fn over(link: Secured, settings: &Settings) -> Result<(), Error> {
    let mut talk = Talk::new(link.socket, settings.patience().login);
    let domain = settings.jid.domain().as_str();
    talk.open(domain, None).await?;
    let to = escape(domain);
    talk.say(&format!("<iq type='get' id='form' to='{to}'><query xmlns='{}'/></iq>", ns::REGISTER)).await?;
    let answer = talk.answer("form").await?;
    let fields = match answer.children().find(|child| child.is("query", ns::REGISTER)) {
        Some(query) if answer.attr("type") == Some("result") => fields(query, settings)?,
        _ => return Err(about(ErrorKind::RegistrationClosed, settings)),
    };
    talk.say(&format!("<iq type='set' id='make' to='{to}'><query xmlns='{}'>{fields}</query></iq>", ns::REGISTER))
        .await?;
    let answer = talk.answer("make").await?;
    if answer.attr("type") != Some("result") {
        return Err(about(refusal(&answer), settings));
    }
    let _ = talk.say(xml::END).await;
    Ok(())
}

fn about(kind: ErrorKind, settings: &Settings) -> Error {
    Error::about(kind, settings.jid.domain().as_str())
}

/// The filled form, or the fields of old.
fn fields(query: &Element, settings: &Settings) -> Result<String, Error> {
    let closed = || about(ErrorKind::RegistrationClosed, settings);
    let name = escape(settings.jid.node().ok_or(ErrorKind::InvalidJid)?.as_str());
    let password = escape(settings.secret.password.as_ref().ok_or(ErrorKind::InvalidInput)?);
    if let Some(form) = query.children().find(|child| child.is("x", ns::DATA)) {
        let fields: Vec<&Element> = form.children().filter(|child| child.is("field", ns::DATA)).collect();
        let has = |var: &str| fields.iter().any(|field| field.attr("var") == Some(var));
        let known = |field: &&Element| matches!(field.attr("var"), Some("username" | "password" | "FORM_TYPE"));
        let wanted = |field: &&Element| field.children().any(|child| child.is("required", ns::DATA));
        if !has("username") || !has("password") || fields.iter().any(|field| !known(field) && wanted(field)) {
            return Err(closed());
        }
        return Ok(format!(
            "<x xmlns='{}' type='submit'><field var='FORM_TYPE'><value>{}</value></field>\
             <field var='username'><value>{name}</value></field>\
             <field var='password'><value>{password}</value></field></x>",
            ns::DATA,
            ns::REGISTER,
        ));
    }
    // Each field of old is demanded (XEP-0077 §3.1); `registered` cannot come before a login.
    let known = |field: &Element| matches!(field.name(), "instructions" | "username" | "password");
    let legacy: Vec<&Element> = query.children().filter(|child| child.has_ns(ns::REGISTER)).collect();
    let has = |name: &str| legacy.iter().any(|field| field.name() == name);
    if !has("username") || !has("password") || !legacy.iter().all(|field| known(field)) {
        return Err(closed());
    }
    Ok(format!("<username>{name}</username><password>{password}</password>"))
}

/// Whether the server refuses this account or any.
fn refusal(answer: &Element) -> ErrorKind {
    let error = answer.children().find(|child| child.name() == "error");
    let condition = error.and_then(|error| error.children().next()).map(Element::name).unwrap_or_default();
    match condition {
        "not-allowed" | "service-unavailable" | "feature-not-implemented" | "forbidden" => {
            ErrorKind::RegistrationClosed
        }
        _ => ErrorKind::RegistrationRefused,
    }
}
