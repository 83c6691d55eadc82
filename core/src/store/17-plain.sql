-- Whether a person allowed that this account's password itself goes to its server (PLAIN): at most one row.
CREATE TABLE plain_login (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  since INTEGER NOT NULL                    -- when they did
) STRICT;
