-- +goose Up

-- A credential for the admin API. Its value is stored as a SHA-256.
CREATE TABLE api_keys (
    id           text PRIMARY KEY,
    name         text NOT NULL,
    prefix       text NOT NULL,
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz
);

-- +goose Down
DROP TABLE api_keys;
