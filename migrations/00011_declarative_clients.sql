-- +goose Up

-- The file that a client of the configuration stands in; '' for others, and for one that left it.
ALTER TABLE clients ADD COLUMN source text NOT NULL DEFAULT '';

-- When clients and secrets were last used, a minute or so behind. They stand beside the
-- rows that replicas keep in memory, which a use must not make them read again.
CREATE TABLE client_uses (
    client_id text PRIMARY KEY REFERENCES clients ON DELETE CASCADE,
    used_at   timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE client_secret_uses (
    secret_id text PRIMARY KEY REFERENCES client_secrets ON DELETE CASCADE,
    used_at   timestamptz NOT NULL
) WITH (fillfactor = 70);

-- +goose Down
DROP TABLE client_secret_uses, client_uses;
ALTER TABLE clients DROP COLUMN source;
