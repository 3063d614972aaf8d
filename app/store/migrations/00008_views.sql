-- +goose Up

-- The pages that the agent wants people to see a screenshot of (JSON list of anvil.View).
ALTER TABLE runs ADD COLUMN views TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE runs DROP COLUMN views;
