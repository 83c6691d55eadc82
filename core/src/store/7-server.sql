-- What is remembered of the account's server, and what it was found to have changed.

-- The server as the last login met it: at most one row.
CREATE TABLE pin (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  key BLOB NOT NULL,                        -- SHA-256 of its public key (SubjectPublicKeyInfo)
  issuer TEXT NOT NULL,                     -- who signed its certificate
  tls TEXT NOT NULL,                        -- version of TLS as XEP-0515 writes it
  binding TEXT,                             -- pin::Binding: how the best login was bound; null none
  confirmed INTEGER NOT NULL,               -- 1: it once confirmed its offer inside of a login (XEP-0474)
  mechanism TEXT NOT NULL,                  -- of the last login
  since INTEGER NOT NULL                    -- when this key was first met
) STRICT;

-- What happened with the server's key, for a person to read: rows are only ever added.
CREATE TABLE server_change (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,                    -- model::ServerChangeKind
  at INTEGER NOT NULL,
  key_before BLOB,                          -- as in pin
  issuer_before TEXT,
  key BLOB,
  issuer TEXT,
  because TEXT                              -- kind of the failure that made a login a contradiction
) STRICT;
CREATE TRIGGER server_change_stays BEFORE UPDATE ON server_change BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER server_change_kept BEFORE DELETE ON server_change BEGIN SELECT raise(ABORT, 'append only'); END;
