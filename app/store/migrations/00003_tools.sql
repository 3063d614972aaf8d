-- +goose Up

-- The audit trail: added to, never changed. Each row has the hash of the one before
-- it (anvil.Audit.Seal), so what somebody changes past these triggers shows.
CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY CHECK (seq >= 1),
    at      BIGINT NOT NULL,
    task_id TEXT   NOT NULL,
    run_id  TEXT   NOT NULL,
    actor   TEXT   NOT NULL CHECK (actor <> ''),
    action  TEXT   NOT NULL CHECK (action <> ''),
    target  TEXT   NOT NULL,
    digest  TEXT   NOT NULL, -- sha256 of the arguments
    note    TEXT   NOT NULL,
    outcome TEXT   NOT NULL CHECK (outcome IN ('allowed', 'denied', 'done', 'failed')),
    prev    TEXT   NOT NULL,
    hash    TEXT   NOT NULL UNIQUE,
    CHECK ((seq = 1) = (prev = ''))
);
CREATE INDEX audit_run ON audit (run_id, action, outcome);

-- +goose StatementBegin
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
