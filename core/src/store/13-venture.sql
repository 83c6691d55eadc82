-- A proof of the password that was shown to a server's key that nothing spoke for, and that was not answered by a proof of the
-- server's: at most one row. While it is there no other is shown to such a key.
CREATE TABLE venture (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  key BLOB NOT NULL,                        -- SHA-256 of that public key (SubjectPublicKeyInfo)
  at INTEGER NOT NULL,                      -- when
  ended TEXT                                -- error kind with which that login ended; null: it did not
) STRICT;
