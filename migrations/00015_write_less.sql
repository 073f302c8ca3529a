-- +goose Up

-- Each index costs every login an entry in it and in the log. A code names its login, and
-- what belongs to a subject is found by its account.
DROP INDEX logins_code;
DROP INDEX sessions_subject;
DROP INDEX grants_subject;

-- A login is changed twice, a subject at each sign-in, a session whenever it is used. With room
-- on the page and no index on what changes, the new row needs no entry in any.
ALTER TABLE logins SET (fillfactor = 60);
ALTER TABLE sessions SET (fillfactor = 80);
ALTER TABLE subjects SET (fillfactor = 80);

-- +goose Down
ALTER TABLE logins RESET (fillfactor);
ALTER TABLE sessions RESET (fillfactor);
ALTER TABLE subjects RESET (fillfactor);
CREATE UNIQUE INDEX logins_code ON logins (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX grants_subject ON grants (subject);
