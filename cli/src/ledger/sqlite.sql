-- One file for one machine. Version 1.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Rows are only ever added (and erased on request). They lie in the order in which they came, so that a batch touches few
-- pages of a large ledger: only the narrow keys are sorted.
CREATE TABLE events (
    address   TEXT NOT NULL,
    event_id  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    domain    TEXT,
    provider  TEXT,
    kind      TEXT NOT NULL,
    is_domain INTEGER NOT NULL,
    body      TEXT NOT NULL,
    PRIMARY KEY (address, event_id)
);
CREATE INDEX events_of_provider ON events (provider, at) WHERE kind = 'bounce';
CREATE INDEX events_of_domain ON events (domain) WHERE is_domain;
CREATE INDEX events_of_life ON events (domain) WHERE kind IN ('delivered', 'receipt', 'other');

CREATE TABLE acts (
    id     TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX acts_of_target ON acts (target);

CREATE TABLE states (
    address  TEXT PRIMARY KEY,
    standing TEXT NOT NULL,
    until    INTEGER,
    more     INTEGER NOT NULL,
    body     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE decisions (
    address  TEXT NOT NULL,
    since    INTEGER NOT NULL,
    policy   TEXT NOT NULL,
    hash     TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (address, since, policy, hash)
);

CREATE TABLE counts (
    provider TEXT NOT NULL,
    hour     INTEGER NOT NULL,
    failed   INTEGER NOT NULL,
    dead     INTEGER NOT NULL,
    PRIMARY KEY (provider, hour)
) WITHOUT ROWID;

CREATE TABLE incidents (
    provider TEXT NOT NULL,
    starts   INTEGER NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (provider, starts)
) WITHOUT ROWID;

CREATE TABLE settlements (
    provider TEXT NOT NULL,
    at       INTEGER NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (provider, at, body)
) WITHOUT ROWID;
