-- +goose Up

-- Calls may speak Google's generateContent, too.
CREATE TABLE calls_anew (
    id              BIGINT PRIMARY KEY,
    run_id          TEXT   NOT NULL REFERENCES runs (id),
    task_id         TEXT   NOT NULL,
    session_id      TEXT   NOT NULL,
    user_id         BIGINT NOT NULL,
    repository_id   BIGINT NOT NULL,
    installation_id BIGINT NOT NULL,
    protocol        TEXT   NOT NULL CHECK (protocol IN ('responses', 'chat', 'messages', 'generate')),
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
INSERT INTO calls_anew (id, run_id, task_id, session_id, user_id, repository_id, installation_id, protocol, upstream, model, started_at, settled_at, state, code, input, cached, cache_write, output, reasoning, estimated, priced, cost_micros, reserved_micros)
    SELECT id, run_id, task_id, session_id, user_id, repository_id, installation_id, protocol, upstream, model, started_at, settled_at, state, code, input, cached, cache_write, output, reasoning, estimated, priced, cost_micros, reserved_micros FROM model_calls;
DROP TABLE model_calls;
ALTER TABLE calls_anew RENAME TO model_calls;
CREATE INDEX model_calls_task ON model_calls (task_id);
CREATE INDEX model_calls_reserved ON model_calls (id) WHERE state = 'reserved';

-- +goose Down
DELETE FROM model_calls WHERE protocol = 'generate';
