-- +goose Up

-- Images of environments that the archive keeps for a repository, by key. The bytes
-- are in package blob, packed.
CREATE TABLE images (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    key           TEXT   NOT NULL,
    run_id        TEXT   NOT NULL REFERENCES runs (id), -- that stored it
    digest        TEXT   NOT NULL,
    size          BIGINT NOT NULL CHECK (size > 0),
    used_at       BIGINT NOT NULL, -- stored, or last found
    PRIMARY KEY (repository_id, key)
);
CREATE INDEX images_used ON images (used_at);

-- +goose Down
DROP TABLE images;
