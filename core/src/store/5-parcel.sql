-- Content that is no row of the timeline of its own (a marker, a reaction, typing) and waits to be sealed. The pump takes
-- it in order, after the waiting messages of its chat; what it made of it is in `outgoing`.
CREATE TABLE parcel (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat TEXT NOT NULL,                       -- where it goes
  content TEXT NOT NULL,                    -- what is to be sealed: a <content/> of XEP-0420, as XML
  reach INTEGER NOT NULL,                   -- store::parcel::Reach
  lasting INTEGER NOT NULL,                 -- 1: archived and sent again until acknowledged; 0: it means nothing later
  made INTEGER NOT NULL                     -- when it was made
) STRICT;
CREATE INDEX parcel_by_chat ON parcel (chat);
