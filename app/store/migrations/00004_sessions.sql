-- +goose Up

-- What the runs of a session left for the next one to go on from: the latest of
-- each kind. The bytes are in package blob, sealed; see package seal.
CREATE TABLE archives (
    session_id     TEXT   NOT NULL REFERENCES sessions (id),
    name           TEXT   NOT NULL CHECK (name IN ('checkpoint', 'conversation')),
    run_id         TEXT   NOT NULL REFERENCES runs (id), -- that left it
    digest         TEXT   NOT NULL, -- of the plain bytes
    sealed         TEXT   NOT NULL, -- digest of the stored bytes
    size           BIGINT NOT NULL CHECK (size > 0), -- of the plain bytes
    base_commit    TEXT   NOT NULL, -- of the run
    head           TEXT   NOT NULL DEFAULT '', -- of a checkpoint
    engine_kind    TEXT   NOT NULL, -- of the run
    engine_version TEXT   NOT NULL DEFAULT '',
    reference      TEXT   NOT NULL DEFAULT '', -- of a conversation: the engine's own
    stored_at      BIGINT NOT NULL,
    PRIMARY KEY (session_id, name),
    CHECK ((name = 'checkpoint') = (head <> ''))
);
CREATE INDEX archives_stored ON archives (stored_at);

-- +goose Down
DROP TABLE archives;
