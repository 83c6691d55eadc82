-- What we did by ourselves about sessions with a device that do not work, so that it is done seldom.
CREATE TABLE healing (
  jid TEXT NOT NULL,
  device INTEGER NOT NULL,
  version INTEGER NOT NULL,                 -- 2 or 3, as in session
  healed INTEGER NOT NULL,                  -- when a fresh session was last begun, milliseconds
  heals INTEGER NOT NULL,                   -- how often in a row: each doubles the pause
  awaited INTEGER NOT NULL,                 -- 1: it wrote without a session before we knew that it is listed
  window INTEGER NOT NULL,                  -- since when empty answers are counted
  answers INTEGER NOT NULL,                 -- empty answers since then
  PRIMARY KEY (jid, device, version)
) STRICT, WITHOUT ROWID;

-- Key exchanges that began a session, as long as their pre-keys are kept: an archive may give them once more when their
-- session is gone, and an old session must not come back.
CREATE TABLE exchange (
  version INTEGER NOT NULL,                 -- 2 or 3, as in session
  base_key BLOB NOT NULL,                   -- the sender's ephemeral key: 32 bytes
  PRIMARY KEY (version, base_key)
) STRICT, WITHOUT ROWID;
