-- Replicas that start together must not make the same table twice.
BEGIN;
SELECT pg_advisory_xact_lock(7163384664);
-- Refreshed grants. `place` says whose; `sealed` is encrypted.
CREATE TABLE IF NOT EXISTS idp_gateway_grant (
    id bytea PRIMARY KEY, version bigint NOT NULL, place text NOT NULL, sealed bytea NOT NULL);
-- The control state of a fleet: blocks, logouts.
CREATE TABLE IF NOT EXISTS idp_gateway_record (
    id bytea PRIMARY KEY, version bigint NOT NULL, sealed bytea NOT NULL);
-- Which replica refreshes a grant or asks for the management token.
CREATE TABLE IF NOT EXISTS idp_gateway_lease (
    id bytea PRIMARY KEY, holder text NOT NULL, expires timestamptz NOT NULL);
-- Ids of proofs and logout tokens that were used.
CREATE TABLE IF NOT EXISTS idp_gateway_used (
    id bytea PRIMARY KEY, expires timestamptz NOT NULL);
-- User records, vault results, the management token: each costs a look-up, so a crash of the server may empty it.
CREATE UNLOGGED TABLE IF NOT EXISTS idp_gateway_cache (
    kind text NOT NULL, id bytea NOT NULL, owner bytea, sealed bytea NOT NULL, expires timestamptz NOT NULL,
    PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS idp_gateway_lease_expires ON idp_gateway_lease (expires);
CREATE INDEX IF NOT EXISTS idp_gateway_used_expires ON idp_gateway_used (expires);
CREATE INDEX IF NOT EXISTS idp_gateway_cache_expires ON idp_gateway_cache (expires);
CREATE INDEX IF NOT EXISTS idp_gateway_cache_owner ON idp_gateway_cache (kind, owner);
COMMIT;
