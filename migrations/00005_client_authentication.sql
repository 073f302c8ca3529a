-- +goose Up

-- A client assertion (RFC 7523) that was accepted, so that it is not again. jti
-- is the SHA-256 of its claim.
CREATE TABLE client_assertions (
    client_id  text NOT NULL,
    jti        bytea NOT NULL CHECK (octet_length(jti) = 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX client_assertions_expires ON client_assertions (expires_at);

-- A pushed authorization request (RFC 9126). hash is the SHA-256 of what follows
-- the prefix in its request_uri; login_id is set once, by the login that it became.
CREATE TABLE pushed_requests (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    client_id  text NOT NULL,
    params     text NOT NULL,                    -- as validated, URL-encoded, without credentials
    expires_at timestamptz NOT NULL,
    login_id   text
);
CREATE INDEX pushed_requests_expires ON pushed_requests (expires_at);

-- +goose Down
DROP TABLE pushed_requests, client_assertions;
