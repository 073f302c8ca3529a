-- +goose Up

-- A DPoP proof (RFC 9449) that was accepted, so that it is not again. hash is the
-- SHA-256 of the key's thumbprint, the endpoint and the proof's jti.
CREATE TABLE dpop_proofs (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX dpop_proofs_expires ON dpop_proofs (expires_at);

-- +goose Down
DROP TABLE dpop_proofs;
