-- +goose Up

-- The branch that a run merges its base commit with (JSON anvil.Merge); empty for other runs.
ALTER TABLE runs ADD COLUMN merge TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE runs DROP COLUMN merge;
