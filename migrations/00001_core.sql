-- +goose Up

-- A relying party. metadata holds the RFC 7591 fields; the registry validates it.
CREATE TABLE clients (
    id          text PRIMARY KEY,
    managed_by  text NOT NULL CHECK (managed_by IN ('config', 'api')),
    metadata    jsonb NOT NULL,
    disabled_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE client_secrets (
    id         text PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients ON DELETE CASCADE,
    prefix     text NOT NULL DEFAULT '',         -- the first characters of one that was made here
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
);
CREATE INDEX client_secrets_client ON client_secrets (client_id);

-- A signing key, its private part wrapped under the operator's encryption key.
-- It is published from created_at and signs from activates_at until retires_at,
-- at which its successor begins.
CREATE TABLE signing_keys (
    kid          text PRIMARY KEY,
    alg          text NOT NULL,
    wrapped      bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    activates_at timestamptz NOT NULL,
    retires_at   timestamptz,
    expires_at   timestamptz,                    -- neither published nor accepted from here on
    CHECK ((retires_at IS NULL) = (expires_at IS NULL) AND retires_at <= expires_at)
);
-- Of each algorithm one key is the last, whatever replicas do at the same time.
CREATE UNIQUE INDEX signing_keys_last ON signing_keys (alg) WHERE retires_at IS NULL;

-- Replicas keep clients and keys in memory; any change tells them to read again.
-- +goose StatementBegin
CREATE FUNCTION notify_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('idp_changed', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER clients_changed AFTER INSERT OR UPDATE OR DELETE ON clients
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changed();
CREATE TRIGGER client_secrets_changed AFTER INSERT OR UPDATE OR DELETE ON client_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changed();
CREATE TRIGGER signing_keys_changed AFTER INSERT OR UPDATE OR DELETE ON signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changed();

-- Who an account id stands for. A deleted account can be created again by
-- somebody else, who is then the next incarnation with a subject of its own.
CREATE TABLE subjects (
    network       text NOT NULL,
    account_id    text NOT NULL,
    incarnation   int  NOT NULL,
    subject       text NOT NULL GENERATED ALWAYS AS
                  (CASE WHEN incarnation = 1 THEN account_id ELSE account_id || '#' || incarnation::text END) STORED,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz NOT NULL DEFAULT now(),
    closed_at     timestamptz,
    PRIMARY KEY (network, account_id, incarnation)
);
CREATE UNIQUE INDEX subjects_open ON subjects (network, account_id) WHERE closed_at IS NULL;

-- A browser's sign-on. hash is the SHA-256 of the cookie's secret.
CREATE TABLE sessions (
    sid        text PRIMARY KEY,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    subject    text NOT NULL,
    account_id text NOT NULL,
    network    text NOT NULL,
    public_key text NOT NULL,
    auth_time  timestamptz NOT NULL,
    idle_expires_at timestamptz NOT NULL,        -- moves with each use
    expires_at timestamptz NOT NULL,             -- never moves
    ended_at   timestamptz
);
CREATE UNIQUE INDEX sessions_hash ON sessions (hash);
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- What a person has allowed a client to learn. client is a fingerprint of the
-- name and host that were shown, so that whoever changes them asks again.
CREATE TABLE consents (
    network    text NOT NULL,
    subject    text NOT NULL,
    client_id  text NOT NULL,
    client     text NOT NULL,
    scopes     text[] NOT NULL,
    resources  text[] NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (network, subject, client_id)
);

-- One row per authorization request: first the challenge, then the proof, then the code.
CREATE TABLE logins (
    id             text PRIMARY KEY,
    client_id      text NOT NULL,                -- '' for a sign-in to the provider itself
    params         text NOT NULL,                -- the authorization request, URL-encoded
    message        text NOT NULL,
    nonce          bytea NOT NULL CHECK (octet_length(nonce) = 32),
    recipient      text NOT NULL,
    callback_url   text NOT NULL,
    state          text NOT NULL,
    browser_hash   bytea,                        -- SHA-256 of the login cookie's secret
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    renewals       int NOT NULL DEFAULT 0,
    attempts       int NOT NULL DEFAULT 0,
    -- set when a signature was verified; the row takes no other account or key afterwards
    account_id     text,
    public_key     text,
    callback_bound boolean,
    wallet         text,
    -- set once, when the nonce is consumed or a session stands in for a signature
    consumed_at    timestamptz,
    sid            text,
    denied         boolean NOT NULL DEFAULT false,
    -- set once, when a code is issued: at once, or after consent
    grant_id       text,
    code_hash      bytea,
    code_expires_at timestamptz,
    redirect_uri   text,                         -- as sent; '' if the request had none
    code_challenge text,                         -- S256; NULL without PKCE
    dpop_jkt       text,                         -- thumbprint of the key that must redeem the code; NULL: any
    scopes         text[],
    audience       text[],
    oidc_nonce     text,
    claims         text[],                       -- asked for by the claims parameter: "id_token:name", "userinfo:name"
    -- set once, by the token endpoint
    redeemed_at    timestamptz
);
CREATE UNIQUE INDEX logins_nonce ON logins (nonce);
CREATE UNIQUE INDEX logins_code ON logins (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX logins_expires ON logins (expires_at);

-- One row per granted login for its whole life. Refresh tokens are derived
-- from (id, generation) and not stored.
CREATE TABLE grants (
    id          text PRIMARY KEY,
    client_id   text NOT NULL,
    subject     text NOT NULL,
    account_id  text NOT NULL,
    network     text NOT NULL,
    public_key  text NOT NULL,
    auth_time   timestamptz NOT NULL,
    sid         text NOT NULL,
    scopes      text[] NOT NULL,
    audience    text[] NOT NULL,
    claims      text[] NOT NULL DEFAULT '{}',
    generation  bigint NOT NULL DEFAULT 0,
    dpop_jkt    text,                            -- thumbprint of the key that must refresh; NULL: any
    created_at  timestamptz NOT NULL DEFAULT now(),
    rotated_at  timestamptz,
    key_checked_at timestamptz NOT NULL DEFAULT now(), -- when the chain last confirmed the key
    expires_at  timestamptz NOT NULL,            -- of the live refresh token, or of the access token without one
    max_expires_at timestamptz NOT NULL,
    revoked_at  timestamptz
) WITH (fillfactor = 70);                        -- room for refreshes to stay on the page
CREATE INDEX grants_subject ON grants (subject);
CREATE INDEX grants_sid ON grants (sid);
CREATE INDEX grants_max_expires ON grants (max_expires_at);

-- +goose Down
DROP TABLE grants, logins, consents, sessions, subjects, signing_keys, client_secrets, clients;
DROP FUNCTION notify_changed;
