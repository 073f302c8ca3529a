-- +goose Up

-- Accounts that an operator keeps out, whoever holds their keys and whichever
-- incarnation they are. Statements that a session or grant answers look here, too, so that
-- a sign-in which was under way when its account was blocked leads nowhere.
CREATE TABLE account_blocks (
    network    text NOT NULL,
    account_id text NOT NULL,
    reason     text NOT NULL,                    -- for operators; never shown to the person
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (network, account_id)
);
-- What an account has, for administrators.
CREATE INDEX sessions_account ON sessions (account_id, auth_time);
CREATE INDEX grants_account ON grants (account_id, created_at);

-- +goose Down
DROP INDEX sessions_account, grants_account;
DROP TABLE account_blocks;
