//! The account's own row, and how its connection stands.

use super::{Touched, Tx};
use crate::ErrorKind;
use crate::command::{AccountUpdate, Tls};
use crate::error::Result;
use crate::model::{Connection, State};
use crate::route::Route;
use rusqlite::{OptionalExtension, params};
use zeroize::Zeroizing;

/// What a new account starts with.
pub(crate) struct NewRow<'a> {
    pub jid: &'a str,
    pub password: &'a str,
    /// Whether it stays when there is more to log in with.
    pub keep_password: bool,
    pub host: Option<&'a str>,
    pub port: Option<u16>,
    pub tls: Tls,
    pub ca: Option<&'a str>,
    pub route: &'a Route,
    pub user_agent: &'a str,
    pub device: u32,
    pub identity: &'a [u8; 32],
    pub now: i64,
}

/// The account as stored.
pub(crate) struct AccountRow {
    pub jid: String,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub tls: Tls,
    pub ca: Option<String>,
    pub route: Route,
    pub user_agent: String,
    pub wanted: bool,
    pub device: u32,
    pub identity: Zeroizing<[u8; 32]>,
    pub stream: i64,
    pub unclean: bool,
    pub published: bool,
}

/// Where to connect and how: a stream is of one of them only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Way {
    host: Option<String>,
    port: Option<u16>,
    tls: Tls,
    route: Route,
}

impl Way {
    /// Whether it is the same route, if not the same place.
    pub(crate) fn goes_like(&self, other: &Way) -> bool {
        self.route == other.route
    }
}

impl AccountRow {
    /// Where to connect and how.
    pub(crate) fn way(&self) -> Way {
        Way { host: self.host.clone(), port: self.port, tls: self.tls, route: self.route.clone() }
    }
}

impl Tx<'_> {
    /// Writes the account and its connection row into a new store.
    pub(crate) fn create_account(&self, new: &NewRow) -> Result<()> {
        self.sql().execute(
            "INSERT INTO account (only, jid, password, host, port, tls, ca, user_agent, wanted, device, identity, created, route, published, pre_keys, stream, unclean)
             VALUES (1, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 0, 0, 0, 0)",
            params![
                new.jid, new.password, new.host, new.port, new.tls.code(), new.ca, new.user_agent, new.device,
                new.identity.as_slice(), new.now, new.route.to_string()
            ],
        )?;
        self.set_keep_password(new.keep_password)?;
        self.sql().execute("INSERT INTO connection (only, state, caught_up, caught) VALUES (1, 0, 0, 0)", [])?;
        Ok(())
    }

    /// The account. A store without one is damaged.
    pub(crate) fn account(&self) -> Result<AccountRow> {
        let row = self.sql().prepare_cached(
            "SELECT jid, host, port, tls, ca, user_agent, wanted, device, identity, stream, unclean, published, route FROM account",
        )?
        .query_row([], |row| {
            let Ok(route) = Route::parse(&row.get::<_, String>(12)?) else { return Ok(None) };
            Ok(Some(AccountRow {
                jid: row.get(0)?,
                host: row.get(1)?,
                port: row.get(2)?,
                tls: Tls::from_code(&row.get::<_, String>(3)?).unwrap_or(Tls::Auto),
                ca: row.get(4)?,
                route,
                user_agent: row.get(5)?,
                wanted: row.get(6)?,
                device: row.get(7)?,
                identity: Zeroizing::new(row.get(8)?),
                stream: row.get(9)?,
                unclean: row.get(10)?,
                published: row.get(11)?,
            }))
        })
        .optional()?;
        row.flatten().ok_or(ErrorKind::DamagedStore.into())
    }

    /// Whether others are told what was displayed here.
    pub(crate) fn tells_displayed(&self) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT markers FROM account")?.query_row([], |row| row.get(0))?)
    }

    /// Sets that.
    pub(crate) fn set_tells_displayed(&self, tell: bool) -> Result<()> {
        self.sql().execute("UPDATE account SET markers = ?", [tell])?;
        Ok(())
    }

    /// Changes how the account connects.
    pub(crate) fn update_account(&self, update: &AccountUpdate) -> Result<()> {
        if let Some(host) = &update.host {
            self.sql().execute("UPDATE account SET host = nullif(?, '')", [host])?;
        }
        if let Some(port) = update.port {
            self.sql().execute("UPDATE account SET port = nullif(?, 0)", [port])?;
        }
        if let Some(tls) = update.tls {
            self.sql().execute("UPDATE account SET tls = ?", [tls.code()])?;
        }
        if let Some(route) = &update.route {
            self.sql().execute("UPDATE account SET route = ?", [route.to_string()])?;
        }
        if let Some(keep) = update.keep_password {
            self.set_keep_password(keep)?;
        }
        if let Some(password) = &update.password {
            self.sql().execute("UPDATE account SET password = ?", [password])?;
            self.renew_secret()?;
        }
        Ok(())
    }

    /// Whether a person wants it online.
    pub(crate) fn set_wanted(&self, wanted: bool) -> Result<()> {
        self.sql().execute("UPDATE account SET wanted = ?", [wanted])?;
        Ok(())
    }

    /// Marks that a brain runs (true) or ended cleanly (false).
    pub(crate) fn set_unclean(&self, unclean: bool) -> Result<()> {
        self.sql().execute("UPDATE account SET unclean = ?", [unclean])?;
        Ok(())
    }

    /// Our OMEMO lists and bundles are on the server, as far as it takes them.
    pub(crate) fn set_published(&self) -> Result<()> {
        self.sql().execute("UPDATE account SET published = 1", [])?;
        Ok(())
    }

    /// Begins a new stream: its number.
    pub(crate) fn next_stream(&self) -> Result<i64> {
        self.sql().execute("UPDATE account SET stream = stream + 1", [])?;
        Ok(self.sql().query_row("SELECT stream FROM account", [], |row| row.get(0))?)
    }

    /// How the connection stands.
    pub(crate) fn connection(&self) -> Result<ConnectionRow> {
        Ok(self
            .sql()
            .prepare_cached(
                "SELECT state, proof, archive, resumable, error, caught_up, caught, full_jid, sid, about FROM connection",
            )?
            .query_row([], |row| {
                Ok(ConnectionRow {
                    state: State::from_number(row.get(0)?).unwrap_or(State::Offline),
                    proof: row.get(1)?,
                    archive: row.get(2)?,
                    resumable: row.get(3)?,
                    error: row.get(4)?,
                    caught_up: row.get(5)?,
                    caught: row.get(6)?,
                    full_jid: row.get(7)?,
                    sid: row.get(8)?,
                    about: row.get(9)?,
                })
            })?)
    }

    /// One more archived message was handled in this catch-up. That is shown, but no event of its own.
    pub(crate) fn caught_one(&self) -> Result<()> {
        self.sql().prepare_cached("UPDATE connection SET caught = caught + 1")?.execute([])?;
        self.touch(Touched::Connection);
        Ok(())
    }

    /// Writes how the connection stands; tells it as an event where it differs. What stands until a person has said something
    /// is shown whatever else is written.
    pub(crate) fn set_connection(&self, next: &ConnectionRow) -> Result<()> {
        let before = self.connection()?;
        let next = &match self.standing()? {
            Some(kind) => next.standing(kind),
            None => ConnectionRow { about: next.about.clone().filter(|_| next.error.is_some()), ..next.clone() },
        };
        if before == *next {
            return Ok(());
        }
        self.sql()
            .prepare_cached(
                "UPDATE connection SET state = ?, proof = ?, archive = ?, resumable = ?, error = ?, caught_up = ?, caught = ?, full_jid = ?, sid = ?, about = ?",
            )?
            .execute(params![
                next.state as i64, next.proof, next.archive, next.resumable, next.error, next.caught_up, next.caught, next.full_jid, next.sid, next.about
            ])?;
        self.touch(Touched::Connection);
        let quiet = ConnectionRow { caught: before.caught, ..next.clone() };
        if quiet == before {
            return Ok(());
        }
        let data = serde_json::to_string(&next.view()).expect("a connection serialises");
        self.event("connection", None, None, None, &data)
    }
}

/// The row of `connection`.
#[derive(Clone, PartialEq)]
pub(crate) struct ConnectionRow {
    pub state: State,
    pub proof: Option<String>,
    pub archive: Option<bool>,
    pub resumable: Option<bool>,
    pub error: Option<String>,
    pub caught_up: bool,
    pub caught: u32,
    pub full_jid: Option<String>,
    pub sid: bool,
    pub about: Option<String>,
}

impl ConnectionRow {
    /// The same while this stands.
    fn standing(&self, kind: ErrorKind) -> ConnectionRow {
        let state = if kind == ErrorKind::Contradiction { State::Contradiction } else { State::Refused };
        let error = Some(kind.code().to_owned());
        ConnectionRow { state, error, about: None, proof: None, resumable: None, caught_up: false, ..self.clone() }
    }

    /// As the screens see it.
    pub(crate) fn view(&self) -> Connection {
        use crate::model::Proof;
        let proof = match self.proof.as_deref() {
            Some("proved") => Some(Proof::Proved),
            Some("pinned") => Some(Proof::Pinned),
            Some("first_use") => Some(Proof::FirstUse),
            _ => None,
        };
        Connection {
            state: self.state,
            proof,
            archive: self.archive,
            resumable: self.resumable,
            error: self.error.clone(),
            about: self.about.clone(),
            caught_up: self.caught_up,
            caught: self.caught,
        }
    }
}
