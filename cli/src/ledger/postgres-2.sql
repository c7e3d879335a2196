-- Version 2: what is known of messages that lie in a mailbox.
CREATE TABLE marks (
    account TEXT COLLATE "C" NOT NULL,
    folder  TEXT COLLATE "C" NOT NULL,
    era     TEXT COLLATE "C" NOT NULL,
    uid     TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL,
    detail  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (account, folder, era, uid)
);
