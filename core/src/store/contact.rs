//! People: the server's roster, strangers who asked, whom we blocked or named; and which of their resources are online.

use super::{Touched, Tx};
use crate::error::Result;
use rusqlite::{OptionalExtension, Row, params};

/// Resources kept of one person: whether somebody is online is all that is asked of them.
const RESOURCES: i64 = 16;

/// A person as stored.
#[derive(Clone, PartialEq)]
pub(crate) struct ContactRow {
    pub jid: String,
    /// Given by a person, kept only here.
    pub name: Option<String>,
    pub subscription: Subscription,
    /// Our request is pending.
    pub asked: bool,
    /// Their request is pending.
    pub requests: bool,
    /// In the server's roster.
    pub rostered: bool,
    pub blocked: bool,
}

/// Who sees whose presence (RFC 6121 section 2.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subscription {
    None,
    /// We see them.
    To,
    /// They see us.
    From,
    Both,
}

impl Subscription {
    /// The word of the protocol.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Subscription::None => "none",
            Subscription::To => "to",
            Subscription::From => "from",
            Subscription::Both => "both",
        }
    }

    /// The subscription of this word.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        let all = [Subscription::None, Subscription::To, Subscription::From, Subscription::Both];
        all.into_iter().find(|one| one.code() == code)
    }

    /// Whether we see their presence.
    pub(crate) fn sees_them(self) -> bool {
        matches!(self, Subscription::To | Subscription::Both)
    }

    /// Whether they see ours.
    pub(crate) fn seen_by_them(self) -> bool {
        matches!(self, Subscription::From | Subscription::Both)
    }
}

const COLUMNS: &str = "jid, name, subscription, asked, requests, rostered, blocked";

fn contact(row: &Row) -> rusqlite::Result<ContactRow> {
    Ok(ContactRow {
        jid: row.get(0)?,
        name: row.get(1)?,
        subscription: Subscription::from_code(&row.get::<_, String>(2)?).unwrap_or(Subscription::None),
        asked: row.get(3)?,
        requests: row.get(4)?,
        rostered: row.get(5)?,
        blocked: row.get(6)?,
    })
}

impl ContactRow {
    /// A person of whom nothing is known.
    pub(crate) fn unknown(jid: &str) -> Self {
        ContactRow {
            jid: jid.to_owned(),
            name: None,
            subscription: Subscription::None,
            asked: false,
            requests: false,
            rostered: false,
            blocked: false,
        }
    }

    /// Takes the person out of the roster; what is ours alone (name, block, a pending request) stays.
    pub(crate) fn unroster(&mut self) {
        self.subscription = Subscription::None;
        self.asked = false;
        self.rostered = false;
    }

    fn says_nothing(&self) -> bool {
        *self == ContactRow::unknown(&self.jid)
    }
}

impl Tx<'_> {
    /// One person.
    pub(crate) fn contact(&self, jid: &str) -> Result<Option<ContactRow>> {
        let sql = format!("SELECT {COLUMNS} FROM contact WHERE jid = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row([jid], contact).optional()?)
    }

    /// One person, or what is known of a stranger: nothing.
    pub(crate) fn contact_or_unknown(&self, jid: &str) -> Result<ContactRow> {
        Ok(self.contact(jid)?.unwrap_or_else(|| ContactRow::unknown(jid)))
    }

    /// Whether this person is in the server's roster.
    pub(crate) fn is_rostered(&self, jid: &str) -> Result<bool> {
        Ok(self.contact(jid)?.is_some_and(|contact| contact.rostered))
    }

    /// Everybody.
    pub(crate) fn contacts(&self) -> Result<Vec<ContactRow>> {
        let sql = format!("SELECT {COLUMNS} FROM contact ORDER BY jid");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([], contact)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes a person down, new or changed; a row that says nothing any more goes.
    pub(crate) fn put_contact(&self, row: &ContactRow) -> Result<()> {
        let before = self.contact_or_unknown(&row.jid)?;
        if before == *row {
            return Ok(());
        }
        self.touch(Touched::Contacts);
        if before.name != row.name {
            self.touch(Touched::Chats);
        }
        if row.says_nothing() {
            self.sql().prepare_cached("DELETE FROM contact WHERE jid = ?")?.execute([&row.jid])?;
            return Ok(());
        }
        self.sql()
            .prepare_cached(
                "INSERT INTO contact (jid, name, subscription, asked, requests, rostered, blocked)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (jid) DO UPDATE SET name = excluded.name, subscription = excluded.subscription,
                   asked = excluded.asked, requests = excluded.requests, rostered = excluded.rostered,
                   blocked = excluded.blocked",
            )?
            .execute(params![
                row.jid,
                row.name,
                row.subscription.code(),
                row.asked,
                row.requests,
                row.rostered,
                row.blocked
            ])?;
        Ok(())
    }

    /// How many people's requests are pending.
    pub(crate) fn pending_requests(&self) -> Result<i64> {
        let mut row = self.sql().prepare_cached("SELECT count(*) FROM contact WHERE requests = 1")?;
        Ok(row.query_row([], |row| row.get(0))?)
    }

    /// A resource of this person is online on `stream`.
    pub(crate) fn set_available(&self, full: &str, bare: &str, stream: i64) -> Result<()> {
        let changed = self
            .sql()
            .prepare_cached(
                "INSERT INTO presence (jid, bare, stream)
                 SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM presence WHERE bare = ?2 AND jid <> ?1) < ?4
                 ON CONFLICT (jid) DO UPDATE SET stream = excluded.stream WHERE stream <> excluded.stream",
            )?
            .execute(params![full, bare, stream, RESOURCES])?;
        self.touch_if(changed)
    }

    /// This resource is offline.
    pub(crate) fn set_unavailable(&self, full: &str) -> Result<()> {
        let changed = self.sql().prepare_cached("DELETE FROM presence WHERE jid = ?")?.execute([full])?;
        self.touch_if(changed)
    }

    /// No resource of this person is known to be online.
    pub(crate) fn forget_presence(&self, bare: &str) -> Result<()> {
        let changed = self.sql().prepare_cached("DELETE FROM presence WHERE bare = ?")?.execute([bare])?;
        self.touch_if(changed)
    }

    /// A new stream: nobody is known to be online.
    pub(crate) fn clear_presence(&self) -> Result<()> {
        let changed = self.sql().execute("DELETE FROM presence", [])?;
        self.touch_if(changed)
    }

    /// Whether a resource of this person is online on `stream`.
    #[cfg(test)]
    pub(crate) fn is_available(&self, bare: &str, stream: i64) -> Result<bool> {
        let mut rows = self.sql().prepare_cached("SELECT 1 FROM presence WHERE bare = ? AND stream = ?")?;
        Ok(rows.exists(params![bare, stream])?)
    }

    fn touch_if(&self, changed: usize) -> Result<()> {
        if changed > 0 {
            self.touch(Touched::Contacts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_contact_that_says_nothing_is_no_row() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        let mut row = ContactRow::unknown("romeo@example.org");
        row.name = Some("Romeo".into());
        row.rostered = true;
        tx.put_contact(&row).unwrap();
        row.unroster();
        tx.put_contact(&row).unwrap();
        assert_eq!(tx.contact("romeo@example.org").unwrap().unwrap().name.as_deref(), Some("Romeo"));
        row.name = None;
        tx.put_contact(&row).unwrap();
        assert!(tx.contact("romeo@example.org").unwrap().is_none());
    }

    #[test]
    fn only_what_changed_wakes_the_screens() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        let mut row = ContactRow::unknown("romeo@example.org");
        row.requests = true;
        tx.put_contact(&row).unwrap();
        tx.set_available("romeo@example.org/a", "romeo@example.org", 1).unwrap();
        assert!(tx.commit().unwrap().contains(&Touched::Contacts));
        let tx = store.tx().unwrap();
        tx.put_contact(&row).unwrap();
        tx.set_available("romeo@example.org/a", "romeo@example.org", 1).unwrap();
        tx.set_unavailable("romeo@example.org/other").unwrap();
        assert!(tx.commit().unwrap().is_empty());
    }

    #[test]
    fn resources_of_one_person_are_bounded_and_end_with_the_stream() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        for resource in 0..100 {
            tx.set_available(&format!("romeo@example.org/{resource}"), "romeo@example.org", 1).unwrap();
        }
        let kept: i64 = tx.sql().query_row("SELECT count(*) FROM presence", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, RESOURCES);
        assert!(tx.is_available("romeo@example.org", 1).unwrap());
        tx.clear_presence().unwrap();
        assert!(!tx.is_available("romeo@example.org", 1).unwrap());
    }
}
