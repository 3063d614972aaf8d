-- +goose Up

-- The command that the rules denied, without its words (JSON anvil.Command), so that
-- `anvil policy replay` can ask other rules about it.
ALTER TABLE deliveries ADD COLUMN asked TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE deliveries DROP COLUMN asked;
