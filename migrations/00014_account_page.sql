-- +goose Up

-- What a session is used with, and where, for its person to tell it from others: names of
-- browsers and systems that we know, and the network of an address (a /24, or a /48 of
-- IPv6). What the browser sent and the address itself are not kept.
ALTER TABLE sessions
    ADD COLUMN browser  text NOT NULL DEFAULT '',
    ADD COLUMN system   text NOT NULL DEFAULT '',
    ADD COLUMN place    text NOT NULL DEFAULT '',
    ADD COLUMN began_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN used_at  timestamptz NOT NULL DEFAULT now();
UPDATE sessions SET began_at = auth_time, used_at = auth_time;

-- The proof of a person's last sign-in, for them to verify themselves. The signature is
-- stored with the login that it consumed; when that is swept, subjects take over the whole.
ALTER TABLE logins ADD COLUMN signature bytea CHECK (octet_length(signature) = 64);
ALTER TABLE subjects
    ADD COLUMN last_login text NOT NULL DEFAULT '', -- the id of the login
    ADD COLUMN proof      jsonb;                    -- of last_login, once that is swept
CREATE INDEX subjects_account ON subjects (account_id);

-- +goose Down
DROP INDEX subjects_account;
ALTER TABLE subjects DROP COLUMN proof, DROP COLUMN last_login;
ALTER TABLE logins DROP COLUMN signature;
ALTER TABLE sessions DROP COLUMN browser, DROP COLUMN system, DROP COLUMN place, DROP COLUMN began_at, DROP COLUMN used_at;
