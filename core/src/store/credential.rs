//! What an account logs in with: the password as long as it is kept, what was made from it, a token.

use super::{Touched, Tx};
use crate::error::Result;
use crate::wire::{Hash, Keys, Secret, Token};
use rusqlite::params;
use std::sync::Arc;
use zeroize::Zeroizing;

/// So many uses of a token may be counted between two starts of a wire.
const USES: u32 = 1000;

impl Tx<'_> {
    /// All that there is, and from where uses of a token are to be counted; a token that has ended is dropped.
    pub(crate) fn secret(&self, now: i64) -> Result<(Secret, u32)> {
        self.sql().execute(
            "UPDATE credential SET token = NULL, token_mechanism = NULL, expires = NULL WHERE expires <= ?",
            [now],
        )?;
        let uses = self
            .sql()
            .prepare_cached("UPDATE credential SET uses = (uses + ?) % 2000000000 RETURNING uses")?
            .query_row([USES], |row| row.get::<_, u32>(0))?;
        let secret = self
            .sql()
            .prepare_cached(
                "SELECT password, version, mechanism, salt, iterations, client_key, server_key, token, token_mechanism,
                   expires FROM credential, account",
            )?
            .query_row([], |row| {
                let password: Zeroizing<String> = Zeroizing::new(row.get(0)?);
                let mechanism: Option<String> = row.get(2)?;
                let keys = match mechanism.as_deref().and_then(Hash::of_mechanism) {
                    Some(hash) => Some(Arc::new(Keys {
                        hash,
                        salt: row.get(3)?,
                        iterations: row.get(4)?,
                        client: Zeroizing::new(row.get(5)?),
                        server: Zeroizing::new(row.get(6)?),
                    })),
                    None => None,
                };
                let token = match row.get::<_, Option<String>>(7)? {
                    Some(text) => Some(Arc::new(Token {
                        text: Zeroizing::new(text),
                        mechanism: row.get(8)?,
                        expires: row.get(9)?,
                    })),
                    None => None,
                };
                let password = (!password.is_empty()).then(|| Arc::new(password));
                Ok(Secret { password, keys, token, version: row.get(1)? })
            })?;
        Ok((secret, uses))
    }

    /// A login went through with this. What belongs to an older password is not written over a newer one's; a password that
    /// is not to be kept is emptied once there are keys.
    pub(crate) fn set_secret(&self, secret: &Secret) -> Result<()> {
        let (keys, token) = (secret.keys.as_deref(), secret.token.as_deref());
        let written = self
            .sql()
            .prepare_cached(
                "UPDATE credential SET mechanism = ?, salt = ?, iterations = ?, client_key = ?, server_key = ?,
                   token = ?, token_mechanism = ?, expires = ?, refused = 0 WHERE version = ?",
            )?
            .execute(params![
                keys.map(|keys| keys.hash.mechanism()),
                keys.map(|keys| &keys.salt),
                keys.map(|keys| keys.iterations),
                keys.map(|keys| keys.client.as_slice()),
                keys.map(|keys| keys.server.as_slice()),
                token.map(|token| token.text.as_str()),
                token.map(|token| &token.mechanism),
                token.map(|token| token.expires),
                secret.version
            ])?;
        if written > 0 && keys.is_some() {
            self.drop_unkept()?;
        }
        Ok(())
    }

    /// The next login shows no token.
    pub(crate) fn drop_token(&self) -> Result<()> {
        self.sql().execute("UPDATE credential SET token = NULL, token_mechanism = NULL, expires = NULL", [])?;
        Ok(())
    }

    /// A person gave another password: nothing of the old one counts.
    pub(crate) fn renew_secret(&self) -> Result<()> {
        self.sql().execute(
            "UPDATE credential SET version = version + 1, mechanism = NULL, salt = NULL, iterations = NULL,
               client_key = NULL, server_key = NULL, token = NULL, token_mechanism = NULL, expires = NULL, refused = 0",
            [],
        )?;
        Ok(())
    }

    /// The server refused what there is of this version: it is not shown again by itself.
    pub(crate) fn refuse_secret(&self, version: i64) -> Result<()> {
        self.sql().execute("UPDATE credential SET refused = 1 WHERE version = ?", [version])?;
        Ok(())
    }

    /// A person wants it shown again as it is.
    pub(crate) fn pardon_secret(&self) -> Result<()> {
        self.sql().execute("UPDATE credential SET refused = 0", [])?;
        Ok(())
    }

    /// Whether the password stays. If it is not to any more it goes as soon as there are keys.
    pub(crate) fn set_keep_password(&self, keep: bool) -> Result<()> {
        self.sql().execute("UPDATE credential SET keep = ?", [keep])?;
        self.drop_unkept()
    }

    fn drop_unkept(&self) -> Result<()> {
        self.sql().execute(
            "UPDATE account SET password = '' WHERE password <> ''
               AND EXISTS (SELECT 1 FROM credential WHERE keep = 0 AND mechanism IS NOT NULL)",
            [],
        )?;
        self.touch(Touched::Connection);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Folder, juliet, key};
    use crate::store::Store;

    fn keys(byte: u8) -> Arc<Keys> {
        let part = || Zeroizing::new(vec![byte; 32]);
        let salt = vec![byte; 16];
        Arc::new(Keys { hash: Hash::Sha256, salt, iterations: 4096, client: part(), server: part() })
    }

    fn token(text: &str) -> Arc<Token> {
        let text = Zeroizing::new(text.to_owned());
        Arc::new(Token { mechanism: "HT-SHA-256-EXPR".into(), text, expires: 5000 })
    }

    fn has(tx: &Tx) -> (bool, bool, Option<String>) {
        let (secret, _) = tx.secret(1).unwrap();
        (secret.password.is_some(), secret.keys.is_some(), secret.token.map(|token| token.text.to_string()))
    }

    #[test]
    fn a_typed_password_goes_with_the_first_login_and_one_to_be_kept_stays() {
        let home = Folder::new();
        let mut store = Store::open(&juliet(home.path()).database(), &key()).unwrap();
        let tx = store.tx().unwrap();
        assert_eq!(has(&tx), (true, false, None));
        let (secret, _) = tx.secret(1).unwrap();
        tx.set_keep_password(true).unwrap();
        tx.set_secret(&Secret { keys: Some(keys(1)), token: Some(token("t")), ..secret.clone() }).unwrap();
        assert_eq!(has(&tx), (true, true, Some("t".into())));
        tx.set_keep_password(false).unwrap();
        assert_eq!(has(&tx), (false, true, Some("t".into())));
        let (secret, _) = tx.secret(5000).unwrap();
        assert!(secret.token.is_none(), "it has ended");
        assert_eq!(secret.keys.unwrap().client[..], [1; 32]);
    }

    #[test]
    fn what_a_login_with_an_older_password_left_is_not_written_over_a_new_one() {
        let home = Folder::new();
        let mut store = Store::open(&juliet(home.path()).database(), &key()).unwrap();
        let tx = store.tx().unwrap();
        let (old, before) = tx.secret(1).unwrap();
        let update = crate::command::AccountUpdate { password: Some("new".into()), ..Default::default() };
        tx.update_account(&update).unwrap();
        tx.set_secret(&Secret { keys: Some(keys(1)), token: Some(token("t")), ..old }).unwrap();
        let (new, uses) = tx.secret(1).unwrap();
        assert_eq!(new.password.as_ref().map(|password| password.as_str()), Some("new"));
        assert!(new.keys.is_none() && new.token.is_none() && uses > before);
        // Nor is the new one refused with it.
        tx.refuse_secret(new.version - 1).unwrap();
        assert_eq!(tx.standing().unwrap(), None);
        tx.set_secret(&Secret { keys: Some(keys(2)), ..new }).unwrap();
        assert_eq!(has(&tx), (false, true, None));
    }
}
