-- +goose Up

-- One row for each call that a run made to a model. Never what was said.
-- Who it was made for is repeated here, so that sums need no joins.
CREATE TABLE model_calls (
    id              BIGINT PRIMARY KEY,
    run_id          TEXT   NOT NULL REFERENCES runs (id),
    task_id         TEXT   NOT NULL,
    session_id      TEXT   NOT NULL,
    user_id         BIGINT NOT NULL,
    repository_id   BIGINT NOT NULL,
    installation_id BIGINT NOT NULL,
    protocol        TEXT   NOT NULL CHECK (protocol IN ('responses', 'chat', 'messages')),
    upstream        TEXT   NOT NULL,
    model           TEXT   NOT NULL,
    started_at      BIGINT NOT NULL,
    settled_at      BIGINT NOT NULL DEFAULT 0,
    state           TEXT   NOT NULL CHECK (state IN ('reserved', 'settled', 'refused', 'failed')),
    code            TEXT   NOT NULL DEFAULT '',
    input           BIGINT NOT NULL DEFAULT 0, -- tokens, without those from or to a cache
    cached          BIGINT NOT NULL DEFAULT 0,
    cache_write     BIGINT NOT NULL DEFAULT 0,
    output          BIGINT NOT NULL DEFAULT 0, -- tokens, reasoning included
    reasoning       BIGINT NOT NULL DEFAULT 0,
    estimated       BOOLEAN NOT NULL DEFAULT FALSE,
    priced          BOOLEAN NOT NULL,
    cost_micros     BIGINT NOT NULL DEFAULT 0, -- millionths of a US dollar
    reserved_micros BIGINT NOT NULL DEFAULT 0,
    CHECK ((state = 'reserved') = (settled_at = 0)),
    CHECK (state <> 'refused' OR (cost_micros = 0 AND code <> ''))
);
CREATE INDEX model_calls_task ON model_calls (task_id);
CREATE INDEX model_calls_reserved ON model_calls (id) WHERE state = 'reserved';

-- What was spent, summed for each thing that can have a budget and each day (UTC,
-- days since 1970). It is written together with the calls it sums.
CREATE TABLE spending (
    scope       TEXT   NOT NULL CHECK (scope IN ('run', 'task', 'user', 'repository', 'organisation')),
    subject     TEXT   NOT NULL,
    day         BIGINT NOT NULL,
    cost_micros BIGINT NOT NULL,
    tokens      BIGINT NOT NULL,
    calls       BIGINT NOT NULL,
    PRIMARY KEY (scope, subject, day)
);

-- +goose Down
DROP TABLE spending;
DROP TABLE model_calls;
