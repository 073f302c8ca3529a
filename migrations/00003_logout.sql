-- +goose Up

-- Back-channel logouts that clients have yet to hear of (OpenID Connect
-- Back-Channel Logout 1.0). A row is written by the statement that ends the session, so that
-- none is lost, and deleted when its client has answered.
CREATE TABLE logout_outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id  text NOT NULL,
    sid        text NOT NULL,
    subject    text NOT NULL,
    attempts   int NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),  -- of the next attempt; the end of the lease during one
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '2 hours',
    UNIQUE (client_id, sid)
);
CREATE INDEX logout_outbox_due ON logout_outbox (due_at);
CREATE INDEX logout_outbox_expires ON logout_outbox (expires_at);

-- Whichever replica is idle delivers at once.
CREATE TRIGGER logout_outbox_filled AFTER INSERT ON logout_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION notify_changed();

-- +goose Down
DROP TABLE logout_outbox;
