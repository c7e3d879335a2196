-- Version 2: what is known of messages that lie in a mailbox.
CREATE TABLE marks (
    account TEXT NOT NULL,
    folder  TEXT NOT NULL,
    era     TEXT NOT NULL,
    uid     TEXT NOT NULL,
    state   TEXT NOT NULL,
    detail  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, folder, era, uid)
) WITHOUT ROWID;
