//! `login` and `register`: an account comes into the home only if it can log in.

use crate::args::{Global, NewLogin, TlsMode};
use crate::out::{Out, Stop};
use crate::password;
use crate::progress::Progress;
use crate::safe::line;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::{Command, Tls};
use dunnock_core::model::{Connection, State};
use dunnock_core::{Account, Client, Error, ErrorKind, NewAccount, Result, Route};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// What the person is told at the end.
#[derive(Serialize)]
struct Ready<'a> {
    account: String,
    connection: Connection,
    /// Of `register` only: the generated password.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

/// Adds an account and proves that it can log in. On failure nothing of it stays.
pub(crate) fn login(global: &Global, new: NewLogin, out: &Out) -> Result<(), Stop> {
    let route = Route::parse(&new.route)?;
    let ca = new.ca.as_deref().map(certificates).transpose()?;
    session::run(global, Begin::May, async |client| {
        free(client, &new.jid)?;
        let password = password::ask(&new.jid, new.password_file.as_deref())?;
        let deadline = Duration::from_secs(new.timeout);
        let account = client.add(wanted(&new, ca, route, password))?;
        if new.allow_plain_login {
            account.call(Command::AllowPlainLogin(true)).await?;
        }
        match proved(client, &account, &new, deadline).await {
            Ok(connection) => ready(out, Ready { account: account.jid(), connection, password: None }),
            Err(stop) => {
                client.remove(&account.jid()).await?;
                Err(stop)
            }
        }
    })
}

/// Makes the account on the server first. Once the server made it, it stays in the home even if the login fails: else
/// its password would be lost.
pub(crate) fn register(global: &Global, new: NewLogin, out: &Out) -> Result<(), Stop> {
    let route = Route::parse(&new.route)?;
    let ca = new.ca.as_deref().map(certificates).transpose()?;
    session::run(global, Begin::May, async |client| {
        free(client, &new.jid)?;
        let password = match &new.password_file {
            Some(file) => password::ask(&new.jid, Some(file))?,
            None => dunnock_core::password::generate(),
        };
        // Nobody else knows a generated one.
        let keep_password = new.keep_password || new.password_file.is_none();
        let new = NewLogin { keep_password, ..new };
        let deadline = Duration::from_secs(new.timeout);
        // Stored before the server knows it, for the same reason.
        let account = client.add(wanted(&new, ca.clone(), route.clone(), password.clone()))?;
        if let Err(stop) = registered(client, &wanted(&new, ca, route, password.clone()), deadline).await {
            client.remove(&account.jid()).await?;
            return Err(stop);
        }
        let connection = proved(client, &account, &new, deadline).await?;
        let generated = new.password_file.is_none().then_some(password.as_str());
        ready(out, Ready { account: account.jid(), connection, password: generated })
    })
}

async fn registered(client: &Client, new: &NewAccount, deadline: Duration) -> Result<(), Stop> {
    // All arms are given up for good when one is ready.
    tokio::select! {
        result = client.register(new) => Ok(result?),
        () = tokio::time::sleep(deadline) => Err(Error::about(ErrorKind::TimedOut, new.jid.clone()).into()),
        () = session::interrupted() => Err(Error::about(ErrorKind::Ended, format!("{} (interrupted)", new.jid)).into()),
    }
}

/// Logs in; answers how the connection stands. The first failure counts, where a running account would try again; an
/// interruption is one too, so that it is cleaned up after.
async fn proved(client: &Client, account: &Account, new: &NewLogin, deadline: Duration) -> Result<Connection, Stop> {
    let mut states = account.watch_connection();
    account.call(Command::Connect).await?;
    let outcome = async {
        while let Some(connection) = states.next().await {
            match (connection.state, connection.error.as_deref().and_then(ErrorKind::from_code)) {
                (State::Online, _) => return Ok(connection),
                (_, Some(kind)) if is_final(kind, new) => return Err(kind),
                (State::Refused | State::Contradiction, None) => return Err(ErrorKind::LoginRefused),
                _ => {}
            }
        }
        Err(states.failure().unwrap_or(ErrorKind::Ended))
    };
    let (mut progress, mut tor) = (Progress::new(), client.watch_tor());
    let shown = async {
        while let Some(status) = tor.next().await {
            progress.show_tor(&status);
        }
        std::future::pending().await
    };
    // All arms are given up for good when one is ready.
    let outcome = tokio::select! {
        outcome = outcome => outcome,
        outcome = shown => outcome,
        () = tokio::time::sleep(deadline) => Err(last(account).unwrap_or(ErrorKind::TimedOut)),
        () = session::interrupted() => Err(ErrorKind::Ended),
    };
    progress.clear();
    outcome.map_err(|kind| {
        let about = account.connection().ok().and_then(|connection| connection.about);
        let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
        Error::about(kind, subject(kind, new) + &about).into()
    })
}

/// Whether a login ends with this. Where the server sends us is gone to at once, unless a person said where to go.
fn is_final(kind: ErrorKind, new: &NewLogin) -> bool {
    kind != ErrorKind::SeeOtherHost || new.host.is_some() || new.port.is_some()
}

/// What the last try ended with.
fn last(account: &Account) -> Option<ErrorKind> {
    ErrorKind::from_code(&account.connection().ok()?.error?)
}

/// What a failure is about: where we wanted to connect, else the account.
fn subject(kind: ErrorKind, new: &NewLogin) -> String {
    use ErrorKind::*;
    let domain = new.jid.rsplit_once('@').map_or(new.jid.as_str(), |(_, domain)| domain);
    match kind {
        ProxyUnreachable | NotSocks => new.route.clone(),
        TorUnreachable | NoTor => "Tor".to_owned(),
        UnknownHost | Unreachable | TimedOut | NotXmpp | OnionNeedsTor | OnionUnreachable | RouteRefused => {
            let host = new.host.as_deref().unwrap_or(domain);
            new.port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        }
        TlsRefused | WrongDomain | CertificateName | CertificateExpired | CertificateUntrusted | NoMechanism
        | Iterations | LoginDowngraded | ServerProof | OfferAltered | BindingRefused | LoginCut | ServerBusy
        | OutOfTurn => domain.to_owned(),
        InvalidInput if new.ca.is_some() => format!("the password of {}, or the certificates of --ca", new.jid),
        InvalidInput => format!("the password of {}", new.jid),
        Ended => format!("{} (interrupted)", new.jid),
        _ => new.jid.clone(),
    }
}

fn ready(out: &Out, ready: Ready<'_>) -> Result<(), Stop> {
    out.print(&ready, |ready| {
        let mut text = format!("{} is ready: {}", line(&ready.account), show::connection(&ready.connection));
        if let Some(password) = ready.password {
            text += &format!("\nIts password, kept sealed in this home: {password}");
        }
        text
    })
}

/// Asks for no password of an account that cannot be added.
fn free(client: &Client, jid: &str) -> Result<(), Stop> {
    match client.account(jid) {
        Ok(account) => Err(Error::about(ErrorKind::AccountExists, account.jid()).into()),
        Err(error) if error.kind == ErrorKind::InvalidJid => Err(error.into()),
        // Not there, or not to be read: a damaged account must not keep others out.
        Err(_) => Ok(()),
    }
}

fn wanted(new: &NewLogin, ca: Option<String>, route: Route, password: Zeroizing<String>) -> NewAccount {
    let tls = match new.tls {
        TlsMode::Auto => Tls::Auto,
        TlsMode::Direct => Tls::Direct,
        TlsMode::Starttls => Tls::StartTls,
    };
    let keep_password = new.keep_password;
    NewAccount { jid: new.jid.clone(), password, keep_password, host: new.host.clone(), port: new.port, tls, ca, route }
}

/// The PEM text of a private authority.
pub(crate) fn certificates(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path)
        .map_err(|error| Error::about(ErrorKind::File, format!("{} ({})", path.display(), error.kind())))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        // The engine would find out too, but only that something it was given is wrong.
        return Err(Error::about(ErrorKind::InvalidInput, format!("{} (no certificate in it)", path.display())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Arguments};
    use clap::Parser;

    #[test]
    fn a_server_that_sends_us_elsewhere_is_followed_unless_the_place_was_given() {
        for (more, ends) in
            [(&[][..], false), (&["--tls", "direct"], false), (&["--host", "x.test"], true), (&["--port", "1"], true)]
        {
            let words = ["dunnock", "login", "juliet@x.test"].iter().chain(more);
            let Ok(Arguments { command: args::Command::Login(new), .. }) = Arguments::try_parse_from(words) else {
                panic!("{more:?}")
            };
            assert_eq!(is_final(ErrorKind::SeeOtherHost, &new), ends, "{more:?}");
            assert!(is_final(ErrorKind::ServerBusy, &new));
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let error = certificates(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(error.subject.ends_with("Cargo.toml (no certificate in it)"));
    }
}
