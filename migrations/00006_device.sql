-- +goose Up

-- A device that waits for a person to sign it in (RFC 8628). user_code is short
-- lived and short, so hashing it would hide nothing.
CREATE TABLE device_requests (
    id          text PRIMARY KEY,                -- opaque; what logins refer to
    hash        bytea NOT NULL CHECK (octet_length(hash) = 32), -- SHA-256 of the device code
    user_code   text NOT NULL,
    client_id   text NOT NULL,
    scopes      text[] NOT NULL,
    audience    text[] NOT NULL,
    match       int NOT NULL,                    -- the number that the device shows; 0 if it shows none
    choices     int[] NOT NULL,                  -- match among others, as the page offers them
    -- who asked, for the person to judge
    address     text NOT NULL,
    network     text NOT NULL,                   -- of the address, for limits
    agent       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    -- polling
    interval_s  int NOT NULL,
    polled_at   timestamptz,
    -- set once, by the person
    decided_at  timestamptz,
    grant_id    text,                            -- NULL if they refused
    sid         text,
    -- set once, by the token endpoint
    redeemed_at timestamptz
);
CREATE UNIQUE INDEX device_requests_hash ON device_requests (hash);
CREATE UNIQUE INDEX device_requests_user_code ON device_requests (user_code);
CREATE INDEX device_requests_network ON device_requests (network, client_id);
CREATE INDEX device_requests_expires ON device_requests (expires_at);

-- Wrong user codes by network, so that nobody finds another person's by trying.
CREATE TABLE device_guesses (
    network    text PRIMARY KEY,
    wrong      int NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX device_guesses_expires ON device_guesses (expires_at);

-- +goose Down
DROP TABLE device_guesses, device_requests;
