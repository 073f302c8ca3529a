-- +goose Up

-- A login that its person goes on with on another device: the browser that began it waits,
-- shows a code to be opened there, and takes what is proven there.
CREATE TABLE handoffs (
    login_id    text PRIMARY KEY,                -- the login that waits
    hash        bytea NOT NULL CHECK (octet_length(hash) = 32), -- SHA-256 of the code
    match       int NOT NULL,                    -- the number that the waiting browser shows
    choices     int[] NOT NULL,                  -- match among others, as the other device offers them
    -- the waiting browser, for the person to judge
    address     text NOT NULL,
    network     text NOT NULL,                   -- of the address
    agent       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    -- set once, by the browser that takes the code
    taken_by    text,                            -- the login there
    -- set once, by the proof of a wallet there
    account_id  text,
    public_key  text,
    wallet      text,
    proven_at   timestamptz,
    -- set once, by the person
    decided_at  timestamptz,
    allowed     boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX handoffs_hash ON handoffs (hash);
CREATE INDEX handoffs_expires ON handoffs (expires_at);

-- The login, in another browser, that this one is to prove; NULL for one that proves itself.
ALTER TABLE logins ADD COLUMN handoff text;

-- A challenge that waits for a wallet at its maker's relay.
CREATE TABLE relay_requests (
    login_id   text PRIMARY KEY,
    wallet     text NOT NULL,                    -- the wallet's id in the configuration
    request_id text NOT NULL,                    -- the relay's
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    polled_at  timestamptz,                      -- when the relay was last asked, by whichever replica
    ended      text NOT NULL DEFAULT ''          -- 'rejected' or 'malformed': it is not asked again
);
CREATE INDEX relay_requests_expires ON relay_requests (expires_at);

-- +goose Down
DROP TABLE relay_requests;
ALTER TABLE logins DROP COLUMN handoff;
DROP TABLE handoffs;
