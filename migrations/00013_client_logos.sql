-- +goose Up

-- Our copies of the logos that clients name in logo_uri, drawn anew as small PNGs. A copy
-- stays until there is a better one, whatever becomes of its source.
CREATE TABLE client_logos (
    client_id  text PRIMARY KEY REFERENCES clients ON DELETE CASCADE,
    source     text NOT NULL,                    -- the logo_uri of the latest attempt
    tried_at   timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,             -- nobody tries again before
    attempts   int NOT NULL DEFAULT 1,           -- since the last success
    error      text NOT NULL DEFAULT '',         -- of the latest attempt; '' if it succeeded or goes on
    hash       text,                             -- SHA-256 of png, in hexadecimal
    png        bytea,
    fetched_at timestamptz,
    CHECK ((hash IS NULL) = (png IS NULL) AND (hash IS NULL) = (fetched_at IS NULL))
);
CREATE INDEX client_logos_hash ON client_logos (hash);

-- Replicas know the hash of each client's logo.
CREATE TRIGGER client_logos_changed AFTER UPDATE ON client_logos
    FOR EACH ROW WHEN (OLD.hash IS DISTINCT FROM NEW.hash) EXECUTE FUNCTION notify_changed();

-- A logo_uri can hold the image itself, or a secret in its query.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_metadata(metadata jsonb, other jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(m.key, CASE
               WHEN m.key = 'logo_uri' AND m.value #>> '{}' ILIKE 'data:%' THEN '"(image)"'
               WHEN m.key IN ('backchannel_logout_uri', 'jwks_uri', 'logo_uri') THEN to_jsonb(split_part(m.value #>> '{}', '?', 1))
               WHEN m.key = 'jwks' THEN '"(keys)"'
               ELSE m.value END), '{}')
    FROM jsonb_each(metadata) m
    WHERE other -> m.key IS DISTINCT FROM m.value
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_metadata(metadata jsonb, other jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(m.key, CASE
               WHEN m.key IN ('backchannel_logout_uri', 'jwks_uri') THEN to_jsonb(split_part(m.value #>> '{}', '?', 1))
               WHEN m.key = 'jwks' THEN '"(keys)"'
               ELSE m.value END), '{}')
    FROM jsonb_each(metadata) m
    WHERE other -> m.key IS DISTINCT FROM m.value
$$;
-- +goose StatementEnd
DROP TABLE client_logos;
