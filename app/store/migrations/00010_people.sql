-- +goose Up

-- Who people of other places are at GitHub, as GitHub said when they signed in. Each is
-- one account, and each account one person of a workspace.
CREATE TABLE people (
    place     TEXT   NOT NULL,
    team      TEXT   NOT NULL,
    person    TEXT   NOT NULL,
    github_id BIGINT NOT NULL CHECK (github_id > 0),
    login     TEXT   NOT NULL, -- as it was then; the id decides
    linked_at BIGINT NOT NULL,
    PRIMARY KEY (place, team, person),
    UNIQUE (place, team, github_id)
);

-- Offers to sign in, until they are taken or expire.
CREATE TABLE link_offers (
    id         TEXT   PRIMARY KEY, -- SHA-256 of what stands in the link
    place      TEXT   NOT NULL,
    team       TEXT   NOT NULL,
    person     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    origin     TEXT   NOT NULL, -- JSON anvil.Origin
    expires_at BIGINT NOT NULL,
    github_id  BIGINT NOT NULL DEFAULT 0, -- who signed in; 0: nobody yet
    login      TEXT   NOT NULL DEFAULT ''
);

-- What people said before it was known who they are, to go on with once it is.
CREATE TABLE kept_deliveries (
    id      TEXT   PRIMARY KEY,
    place   TEXT   NOT NULL,
    team    TEXT   NOT NULL,
    person  TEXT   NOT NULL,
    event   TEXT   NOT NULL,
    body    BLOB   NOT NULL,
    kept_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE kept_deliveries;
DROP TABLE link_offers;
DROP TABLE people;
