-- +goose Up

-- What happened, who caused it and how it went. A row of a change is written by
-- the statement that makes the change, so that there is neither without the other;
-- refusals are written in batches. Empty texts stand for what is unknown or does not apply.
CREATE TABLE audit_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    type       text NOT NULL,                    -- noun and verb, such as login.succeeded
    outcome    text NOT NULL DEFAULT 'done' CHECK (outcome IN ('done', 'refused', 'failed')),
    reason     text NOT NULL DEFAULT '',         -- of a refusal: the code that its caller was told
    client_id  text NOT NULL DEFAULT '',         -- of a registered client, never a mere claim
    account_id text NOT NULL DEFAULT '',
    subject    text NOT NULL DEFAULT '',
    sid        text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT '',
    actor      text NOT NULL DEFAULT '',         -- of an administrator
    details    jsonb
);
CREATE INDEX audit_events_client ON audit_events (client_id, id);
CREATE INDEX audit_events_account ON audit_events (account_id, id);
CREATE INDEX audit_events_request ON audit_events (request_id);
CREATE INDEX audit_events_at ON audit_events USING brin (at) WITH (autosummarize = on);
-- The latest refusals of one client, and what an administrator did.
CREATE INDEX audit_events_trouble ON audit_events (client_id, id) WHERE outcome <> 'done';
CREATE INDEX audit_events_actor ON audit_events (actor, id) WHERE actor <> '';

-- Rows are appended and nothing else. They go when they are older than any
-- retention that can be configured allows, or, lest a flood fill the disk, when they are refusals of a client
-- with 20000 newer ones. The database itself holds everybody to it who may not alter the table.
-- +goose StatementBegin
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are only ever appended' USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_audit_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT
        FROM (
            SELECT client_id, max(id) AS id, bool_or(outcome = 'done') AS done
            FROM gone
            WHERE at > now() - interval '1 day'
            GROUP BY client_id
        ) young
        WHERE done OR (
            SELECT count(*)
            FROM (
                SELECT
                FROM audit_events e
                WHERE e.client_id = young.client_id AND e.id > young.id AND e.outcome <> 'done'
                LIMIT 20000
            ) newer
        ) < 20000
    ) THEN
        RAISE EXCEPTION 'audit events go by their retention alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_events_unchanged BEFORE UPDATE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_events_kept AFTER DELETE ON audit_events
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_loss();
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_unchanged;
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_kept;

-- Changes of clients, secrets and keys are recorded whoever makes them: the store says
-- who in the setting idp.origin; a change without it was made by hand, in SQL.
-- +goose StatementBegin
CREATE FUNCTION audit_change(type text, client_id text, details jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    origin jsonb := coalesce(nullif(current_setting('idp.origin', true), '')::jsonb, jsonb_build_object('actor', 'sql:' || session_user));
BEGIN
    INSERT INTO audit_events (type, client_id, request_id, address, actor, details)
    VALUES (type, client_id, coalesce(origin->>'request_id', ''), coalesce(origin->>'address', ''), coalesce(origin->>'actor', ''), details);
END
$$;
-- +goose StatementEnd
-- What of a client's metadata a row of it may show. Addresses that only servers
-- call may hold a secret in their query, and key sets are long.
-- +goose StatementBegin
CREATE FUNCTION audit_metadata(metadata jsonb, other jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(m.key, CASE
               WHEN m.key IN ('backchannel_logout_uri', 'jwks_uri') THEN to_jsonb(split_part(m.value #>> '{}', '?', 1))
               WHEN m.key = 'jwks' THEN '"(keys)"'
               ELSE m.value END), '{}')
    FROM jsonb_each(metadata) m
    WHERE other -> m.key IS DISTINCT FROM m.value
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION audit_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM audit_change('client.created', NEW.id, jsonb_build_object('managed_by', NEW.managed_by, 'after', audit_metadata(NEW.metadata, '{}')));
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM audit_change('client.deleted', OLD.id, jsonb_build_object('managed_by', OLD.managed_by, 'before', audit_metadata(OLD.metadata, '{}')));
        RETURN NULL;
    END IF;
    IF OLD.metadata <> NEW.metadata OR OLD.managed_by <> NEW.managed_by THEN
        PERFORM audit_change('client.updated', NEW.id, jsonb_build_object('managed_by', NEW.managed_by,
            'before', audit_metadata(OLD.metadata, NEW.metadata), 'after', audit_metadata(NEW.metadata, OLD.metadata)));
    END IF;
    IF (OLD.disabled_at IS NULL) <> (NEW.disabled_at IS NULL) THEN
        PERFORM audit_change(CASE WHEN NEW.disabled_at IS NULL THEN 'client.enabled' ELSE 'client.disabled' END, NEW.id, NULL);
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER clients_audited AFTER INSERT OR DELETE OR UPDATE OF metadata, managed_by, disabled_at ON clients
    FOR EACH ROW EXECUTE FUNCTION audit_client();

-- Secrets that expired are swept, and those of a deleted client go with it: neither is news.
-- +goose StatementBegin
CREATE FUNCTION audit_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM audit_change('client.secret_added', NEW.client_id, jsonb_build_object('secret_id', NEW.id, 'expires_at', NEW.expires_at));
    ELSIF coalesce(OLD.expires_at > now(), true) AND EXISTS (SELECT FROM clients c WHERE c.id = OLD.client_id) THEN
        PERFORM audit_change('client.secret_revoked', OLD.client_id, jsonb_build_object('secret_id', OLD.id));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER client_secrets_audited AFTER INSERT OR DELETE ON client_secrets
    FOR EACH ROW EXECUTE FUNCTION audit_secret();

-- +goose StatementBegin
CREATE FUNCTION audit_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    k signing_keys := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    type text := CASE
        WHEN TG_OP = 'INSERT' THEN 'key.created'
        WHEN TG_OP = 'DELETE' THEN 'key.deleted'
        WHEN OLD.retires_at IS NULL AND NEW.retires_at IS NOT NULL THEN 'key.retired'
        WHEN OLD.wrapped <> NEW.wrapped THEN 'key.rewrapped'
        ELSE 'key.rescheduled' END;
BEGIN
    PERFORM audit_change(type, '', jsonb_build_object('kid', k.kid, 'alg', k.alg,
        'activates_at', k.activates_at, 'retires_at', k.retires_at, 'expires_at', k.expires_at));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER signing_keys_audited AFTER INSERT OR DELETE OR UPDATE ON signing_keys
    FOR EACH ROW EXECUTE FUNCTION audit_key();

-- How far the events have been written to the log, where audit.log asks for that, and
-- the replica that does it.
CREATE TABLE audit_journal (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    event_id    bigint NOT NULL,
    holder      text NOT NULL,
    lease_until timestamptz NOT NULL
);

-- +goose Down
DROP TRIGGER clients_audited ON clients;
DROP TRIGGER client_secrets_audited ON client_secrets;
DROP TRIGGER signing_keys_audited ON signing_keys;
DROP TABLE audit_journal, audit_events;
DROP FUNCTION refuse_audit_change, refuse_audit_loss, audit_client, audit_secret, audit_key, audit_metadata, audit_change;
