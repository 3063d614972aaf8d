-- +goose Up

-- Threads outside of GitHub, with the issue in which their work goes on.
CREATE TABLE threads (
    place         TEXT   NOT NULL,
    thread        TEXT   NOT NULL, -- the place's own id
    url           TEXT   NOT NULL DEFAULT '',
    subject       TEXT   NOT NULL DEFAULT '', -- the place's id of what it is about
    repository_id BIGINT NOT NULL DEFAULT 0,  -- 0: not known yet
    issue         BIGINT NOT NULL DEFAULT 0,  -- 0: there is none yet
    request       TEXT   NOT NULL DEFAULT '', -- what was asked before the repository was known
    stopped_at    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (place, thread),
    CHECK (issue = 0 OR repository_id <> 0)
);
CREATE INDEX threads_issue ON threads (repository_id, issue) WHERE issue <> 0;

-- +goose Down
DROP TABLE threads;
