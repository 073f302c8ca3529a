-- +goose Up

-- The oldest schema that a release may have been made for and still run on this database. A
-- migration that takes away what the release before still used raises it, so that this one
-- refuses to start instead of failing at some request (docs/upgrading.md).
CREATE TABLE schema_floor (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL
);
INSERT INTO schema_floor (version) VALUES (14);

-- Whose turn it is to delete what expired, and how the last turn went.
CREATE TABLE sweeper (
    single        boolean PRIMARY KEY DEFAULT true CHECK (single),
    claimed_until timestamptz NOT NULL,          -- no other replica begins before
    finished_at   timestamptz,                   -- when nothing was left to delete
    deleted       bigint NOT NULL DEFAULT 0      -- by the turn that finished then
);
INSERT INTO sweeper (claimed_until) VALUES (now());

-- Autovacuum waits by default until a fifth of a table is dead, so that a table of a million
-- rows that pass through within minutes carries two hundred thousand dead ones, and its indexes
-- with it. These settings make it come after a fixed number of rows, whatever the size of the
-- table, and without pauses, since each run then finds little to do. Inserts alone count,
-- too: they keep the visibility map current, by which index-only scans and the next vacuum
-- skip pages.
--
-- Rows that live for minutes, one or several for each sign-in.
ALTER TABLE logins SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000);
ALTER TABLE dpop_proofs SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE client_assertions SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE pushed_requests SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE logout_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
-- The same, updated in place at each poll: room on the page keeps the new version there.
ALTER TABLE device_requests SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, fillfactor = 70);
ALTER TABLE handoffs SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, fillfactor = 70);
ALTER TABLE relay_requests SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, fillfactor = 70);
-- Large tables, updated at each use. Most of these updates stay on their page and are cleaned
-- up by whoever reads it next, so a hundredth is soon enough. Their owners wait for nothing,
-- so vacuum may pause, for less than by default.
ALTER TABLE grants SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE sessions SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
-- One row for each person, for ever, updated at each sign-in and, with its proof, once more.
ALTER TABLE subjects SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1,
    autovacuum_analyze_scale_factor = 0.02);
-- Appended to, and deleted from the old end: vacuum has to keep up with that end alone.
ALTER TABLE audit_events SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 1,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
-- Few rows that many sign-ins update, read in between: dead ones are felt at once.
ALTER TABLE client_uses SET (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE client_secret_uses SET (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);

-- +goose Down
DROP TABLE sweeper, schema_floor;
