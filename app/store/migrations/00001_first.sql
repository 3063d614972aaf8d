-- +goose Up

CREATE TABLE installations (
    id         BIGINT PRIMARY KEY,
    account    TEXT   NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('active', 'suspended', 'deleted')),
    changed_at BIGINT NOT NULL
);

CREATE TABLE repositories (
    id              BIGINT PRIMARY KEY,
    installation_id BIGINT NOT NULL,
    owner           TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    default_branch  TEXT   NOT NULL,
    private         BOOLEAN NOT NULL,
    changed_at      BIGINT NOT NULL
);

-- One row per webhook call, for ever: GitHub may redeliver it after any time.
CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    event       TEXT   NOT NULL,
    body        BLOB   NOT NULL,
    digest      TEXT   NOT NULL, -- sha256 of the body
    received_at BIGINT NOT NULL,
    decision    TEXT   NOT NULL CHECK (decision IN ('pending', 'accepted', 'ignored', 'refused')),
    reason      TEXT   NOT NULL DEFAULT '',
    task_id     TEXT   NOT NULL DEFAULT '',
    reply       TEXT   NOT NULL DEFAULT '', -- JSON anvil.Reply, if there is one to give
    decided_at  BIGINT NOT NULL DEFAULT 0,
    CHECK ((decision = 'pending') = (decided_at = 0))
);
CREATE INDEX deliveries_digest ON deliveries (digest);
CREATE INDEX deliveries_pending ON deliveries (received_at) WHERE decision = 'pending';

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    issue         BIGINT NOT NULL,
    ordinal       BIGINT NOT NULL,
    branch        TEXT   NOT NULL,
    pull_request  BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    UNIQUE (repository_id, issue, ordinal),
    UNIQUE (repository_id, branch)
);

CREATE TABLE tasks (
    id         TEXT PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES sessions (id),
    delivery   TEXT   NOT NULL UNIQUE REFERENCES deliveries (id), -- one task per trigger
    command    TEXT   NOT NULL, -- JSON anvil.Command
    version    BIGINT NOT NULL, -- grows with every change that people should see
    told       BIGINT NOT NULL, -- the version that was last told
    outcome    TEXT   NOT NULL DEFAULT '', -- JSON anvil.Outcome; empty while open
    created_at BIGINT NOT NULL,
    closed_at  BIGINT NOT NULL DEFAULT 0,
    CHECK ((outcome = '') = (closed_at = 0)),
    CHECK (told <= version)
);
CREATE INDEX tasks_session ON tasks (session_id, created_at);
CREATE INDEX tasks_untold ON tasks (id) WHERE told < version;

-- The state machine of a run, enforced: `was` is the state before `state`, and
-- the last CHECK is the table anvil.Moves. An UPDATE that moves a run sets both.
CREATE TABLE runs (
    id                TEXT PRIMARY KEY,
    task_id           TEXT   NOT NULL REFERENCES tasks (id),
    attempt           BIGINT NOT NULL CHECK (attempt >= 1),
    state             TEXT   NOT NULL,
    was               TEXT   NOT NULL,
    base_ref          TEXT   NOT NULL DEFAULT '',
    base_commit       TEXT   NOT NULL DEFAULT '',
    rules             TEXT   NOT NULL DEFAULT '{}', -- JSON anvil.Rules
    engine            TEXT   NOT NULL DEFAULT '{}', -- JSON anvil.EngineInfo: the one chosen
    placement         TEXT   NOT NULL DEFAULT '{}', -- JSON anvil.Placement
    workflow_run      BIGINT NOT NULL DEFAULT 0,
    nonce_hash        TEXT   NOT NULL DEFAULT '',   -- of the last dispatch intent
    asked_at          BIGINT NOT NULL DEFAULT 0,    -- when that intent was committed
    asked_times       BIGINT NOT NULL DEFAULT 0,
    epoch             BIGINT NOT NULL DEFAULT 0,
    token_hash        TEXT   NOT NULL DEFAULT '',
    lease_expires_at  BIGINT NOT NULL DEFAULT 0,
    runner            TEXT   NOT NULL DEFAULT '',
    report            TEXT   NOT NULL DEFAULT '',   -- JSON anvil.Report
    verdict           TEXT   NOT NULL DEFAULT '',   -- JSON anvil.Verdict
    problem           TEXT   NOT NULL DEFAULT '',   -- JSON anvil.Problem
    question          TEXT   NOT NULL DEFAULT '',   -- JSON anvil.Question
    created_at        BIGINT NOT NULL,
    changed_at        BIGINT NOT NULL,
    deadline_at       BIGINT NOT NULL DEFAULT 0,
    stop_requested_at BIGINT NOT NULL DEFAULT 0,
    UNIQUE (task_id, attempt),
    CHECK (state <> 'waiting' OR question <> ''),
    CHECK (state NOT IN ('dispatched', 'working', 'waiting', 'inspecting', 'held', 'delivering', 'succeeded', 'unchanged') OR base_commit <> ''),
    CHECK (state <> 'uncertain' OR (nonce_hash <> '' AND asked_at > 0)),
    CHECK (state <> 'working' OR (epoch > 0 AND token_hash <> '' AND lease_expires_at > 0)),
    CHECK (state NOT IN ('inspecting', 'held', 'delivering', 'succeeded', 'unchanged') OR report <> ''),
    CHECK (state NOT IN ('held', 'delivering', 'succeeded') OR verdict <> ''),
    CHECK (state NOT IN ('failed', 'lost', 'held') OR problem <> ''),
    CHECK (was || '>' || state IN (
        '>queued',
        'queued>dispatching', 'queued>cancelled', 'queued>failed',
        'dispatching>dispatched', 'dispatching>uncertain', 'dispatching>working', 'dispatching>stopping', 'dispatching>failed',
        'uncertain>dispatching', 'uncertain>dispatched', 'uncertain>working', 'uncertain>stopping', 'uncertain>failed', 'uncertain>lost',
        'dispatched>working', 'dispatched>stopping', 'dispatched>failed', 'dispatched>lost',
        'working>inspecting', 'working>unchanged', 'working>failed', 'working>cancelled', 'working>stopping', 'working>lost', 'working>waiting',
        'waiting>answered', 'waiting>failed', 'waiting>cancelled',
        'stopping>cancelled',
        'inspecting>delivering', 'inspecting>held', 'inspecting>unchanged', 'inspecting>failed', 'inspecting>cancelled',
        'held>inspecting', 'held>failed', 'held>cancelled',
        'delivering>succeeded', 'delivering>failed'
    ))
);
-- At most one run acts for a task at a time.
CREATE UNIQUE INDEX runs_one_alive ON runs (task_id)
    WHERE state NOT IN ('succeeded', 'unchanged', 'failed', 'cancelled', 'lost', 'answered');
CREATE INDEX runs_alive ON runs (state, changed_at)
    WHERE state NOT IN ('succeeded', 'unchanged', 'failed', 'cancelled', 'lost', 'answered');

CREATE TABLE events (
    run_id TEXT   NOT NULL REFERENCES runs (id),
    source TEXT   NOT NULL CHECK (source IN ('server', 'runner')),
    seq    BIGINT NOT NULL CHECK (seq >= 1),
    at     BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    text   TEXT   NOT NULL DEFAULT '',
    data   TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, source, seq)
);

CREATE TABLE artifacts (
    run_id    TEXT   NOT NULL REFERENCES runs (id),
    name      TEXT   NOT NULL,
    digest    TEXT   NOT NULL,
    size      BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    PRIMARY KEY (run_id, name)
);

-- Every change to the outside world: written before it is made, keyed, and
-- completed with GitHub's own id of it.
CREATE TABLE effects (
    key         TEXT PRIMARY KEY,
    task_id     TEXT   NOT NULL, -- empty for a reply that belongs to no task
    state       TEXT   NOT NULL CHECK (state IN ('intended', 'done')),
    external_id TEXT   NOT NULL DEFAULT '',
    url         TEXT   NOT NULL DEFAULT '',
    digest      TEXT   NOT NULL DEFAULT '',
    changed_at  BIGINT NOT NULL
);
CREATE INDEX effects_task ON effects (task_id);

-- OIDC tokens that were used, so that each is used once. Kept past their expiry
-- by a day; the tokens themselves live about five minutes.
CREATE TABLE oidc_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE oidc_tokens;
DROP TABLE effects;
DROP TABLE artifacts;
DROP TABLE events;
DROP TABLE runs;
DROP TABLE tasks;
DROP TABLE sessions;
DROP TABLE deliveries;
DROP TABLE repositories;
DROP TABLE installations;
