-- Shared by several machines. Version 1.
CREATE TABLE settings (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);

-- Rows are only ever added (and erased on request).
CREATE TABLE events (
    address   TEXT COLLATE "C" NOT NULL,
    event_id  TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,
    domain    TEXT COLLATE "C",
    provider  TEXT COLLATE "C",
    kind      TEXT COLLATE "C" NOT NULL,
    is_domain BOOLEAN NOT NULL,
    body      TEXT NOT NULL,
    PRIMARY KEY (address, event_id)
);
CREATE INDEX events_of_provider ON events (provider, at) WHERE kind = 'bounce';
CREATE INDEX events_of_domain ON events (domain) WHERE is_domain;
CREATE INDEX events_of_life ON events (domain) WHERE kind IN ('delivered', 'receipt', 'other');

CREATE TABLE acts (
    id     TEXT COLLATE "C" PRIMARY KEY,
    target TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT NOT NULL
);
CREATE INDEX acts_of_target ON acts (target);

CREATE TABLE states (
    address  TEXT COLLATE "C" PRIMARY KEY,
    standing TEXT COLLATE "C" NOT NULL,
    until    BIGINT,
    more     BOOLEAN NOT NULL,
    body     TEXT NOT NULL
);

CREATE TABLE decisions (
    address  TEXT COLLATE "C" NOT NULL,
    since    BIGINT NOT NULL,
    policy   TEXT COLLATE "C" NOT NULL,
    hash     TEXT COLLATE "C" NOT NULL,
    body     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (address, since, policy, hash)
);

CREATE TABLE counts (
    provider TEXT COLLATE "C" NOT NULL,
    hour     BIGINT NOT NULL,
    failed   BIGINT NOT NULL,
    dead     BIGINT NOT NULL,
    PRIMARY KEY (provider, hour)
);

CREATE TABLE incidents (
    provider TEXT COLLATE "C" NOT NULL,
    starts   BIGINT NOT NULL,
    body     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (provider, starts)
);

CREATE TABLE settlements (
    provider TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    body     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (provider, at, body)
);
