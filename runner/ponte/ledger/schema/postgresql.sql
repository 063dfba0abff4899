-- Generated from ponte/ledger/tables.py by `make generate`. Do not edit.
CREATE TABLE IF NOT EXISTS ponte_claims (
	id BIGSERIAL NOT NULL,
	scope BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	run TEXT NOT NULL,
	live_until BIGINT NOT NULL,
	keys BYTEA NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS ponte_claims_scope ON ponte_claims (scope);
COMMENT ON COLUMN ponte_claims.live_until IS 'after it the claim is in doubt, not live';
COMMENT ON COLUMN ponte_claims.keys IS 'Arrow IPC: key, natural_key, operation, version';
CREATE TABLE IF NOT EXISTS ponte_erased (
	scope BIGINT NOT NULL,
	mark TEXT NOT NULL,
	erased_at BIGINT NOT NULL,
	PRIMARY KEY (scope, mark)
);
COMMENT ON COLUMN ponte_erased.mark IS 'keyed hash of an erased source key';
CREATE TABLE IF NOT EXISTS ponte_ids (
	system TEXT NOT NULL,
	object TEXT NOT NULL,
	natural_key TEXT COLLATE "C" NOT NULL,
	target_id TEXT NOT NULL,
	PRIMARY KEY (system, object, natural_key)
);
COMMENT ON COLUMN ponte_ids.natural_key IS 'canonical';
COMMENT ON COLUMN ponte_ids.target_id IS 'the target''s own id';
CREATE TABLE IF NOT EXISTS ponte_meta (
	id SMALLINT NOT NULL,
	schema_version INTEGER NOT NULL,
	min_reader INTEGER NOT NULL,
	ledger_id TEXT NOT NULL,
	erase_key TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (id)
);
COMMENT ON COLUMN ponte_meta.id IS 'always 1';
COMMENT ON COLUMN ponte_meta.schema_version IS 'version of these tables';
COMMENT ON COLUMN ponte_meta.min_reader IS 'oldest code that may use them';
COMMENT ON COLUMN ponte_meta.ledger_id IS 'identity of this ledger';
COMMENT ON COLUMN ponte_meta.erase_key IS 'secret under the marks of erased keys';
CREATE TABLE IF NOT EXISTS ponte_records (
	scope BIGINT NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	natural_key TEXT COLLATE "C",
	print_hi BIGINT,
	print_lo BIGINT,
	version BIGINT NOT NULL,
	deleted_at BIGINT,
	PRIMARY KEY (scope, key)
);
CREATE INDEX IF NOT EXISTS ponte_records_natural ON ponte_records (scope, natural_key) WHERE natural_key IS NOT NULL;
COMMENT ON COLUMN ponte_records.key IS 'source key, canonical';
COMMENT ON COLUMN ponte_records.natural_key IS 'natural key, canonical; null when it is the source key';
COMMENT ON COLUMN ponte_records.print_hi IS 'fingerprint delivered last; null when not known';
COMMENT ON COLUMN ponte_records.version IS 'source version or read time of what was delivered';
COMMENT ON COLUMN ponte_records.deleted_at IS 'tombstone: when it was removed from the target';
CREATE TABLE IF NOT EXISTS ponte_rejects (
	scope BIGINT NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	stage TEXT NOT NULL,
	reason TEXT NOT NULL,
	field TEXT,
	message TEXT NOT NULL,
	faults TEXT NOT NULL,
	first_seen BIGINT NOT NULL,
	last_seen BIGINT NOT NULL,
	first_run TEXT NOT NULL,
	last_run TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	state TEXT NOT NULL,
	PRIMARY KEY (scope, key)
);
COMMENT ON COLUMN ponte_rejects.key IS 'source key, canonical; position for what has none';
COMMENT ON COLUMN ponte_rejects.stage IS 'extract, map, deliver or lookup';
COMMENT ON COLUMN ponte_rejects.reason IS 'of the first fault';
COMMENT ON COLUMN ponte_rejects.faults IS 'JSON list of field, reason, message';
COMMENT ON COLUMN ponte_rejects.state IS 'open, deferred, ambiguous, skipped or closed';
CREATE TABLE IF NOT EXISTS ponte_runs (
	run TEXT NOT NULL,
	scope BIGINT NOT NULL,
	job TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	phase TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	ended_at BIGINT,
	result TEXT NOT NULL,
	pending BYTEA,
	PRIMARY KEY (run)
);
CREATE INDEX IF NOT EXISTS ponte_runs_scope ON ponte_runs (scope, started_at);
COMMENT ON COLUMN ponte_runs.result IS 'RunResult as JSON';
COMMENT ON COLUMN ponte_runs.pending IS 'AwaitingApproval: the operations, Arrow IPC';
CREATE TABLE IF NOT EXISTS ponte_scopes (
	id BIGSERIAL NOT NULL,
	state_id TEXT NOT NULL,
	job TEXT NOT NULL,
	source_system TEXT NOT NULL,
	source_object TEXT NOT NULL,
	target_system TEXT NOT NULL,
	target_object TEXT NOT NULL,
	mapping_fingerprint TEXT,
	watermark TEXT,
	outside_commits BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	lease_epoch BIGINT,
	lease_holder TEXT,
	lease_until BIGINT,
	last_success_at BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT ponte_scopes_target UNIQUE (state_id, target_system, target_object),
	UNIQUE (state_id)
);
COMMENT ON COLUMN ponte_scopes.state_id IS 'SyncJob.spec.stateId or its name';
COMMENT ON COLUMN ponte_scopes.job IS 'name of the job that last used it';
COMMENT ON COLUMN ponte_scopes.mapping_fingerprint IS 'of the last complete reading of all';
COMMENT ON COLUMN ponte_scopes.watermark IS 'cursor up to which changes are durably delivered or kept';
COMMENT ON COLUMN ponte_scopes.outside_commits IS 'commits made without the lease; grows';
COMMENT ON COLUMN ponte_scopes.epoch IS 'of the last writer; grows';
COMMENT ON COLUMN ponte_scopes.lease_epoch IS 'epoch of the writer that holds the lease';
