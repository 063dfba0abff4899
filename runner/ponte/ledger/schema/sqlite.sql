-- Generated from ponte/ledger/tables.py by `make generate`. Do not edit.
CREATE TABLE IF NOT EXISTS ponte_claims (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	scope BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	run TEXT NOT NULL,
	live_until BIGINT NOT NULL,
	keys BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS ponte_claims_scope ON ponte_claims (scope);
CREATE TABLE IF NOT EXISTS ponte_erased (
	scope BIGINT NOT NULL,
	mark TEXT NOT NULL,
	erased_at BIGINT NOT NULL,
	PRIMARY KEY (scope, mark)
)
 WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ponte_ids (
	system TEXT NOT NULL,
	object TEXT NOT NULL,
	natural_key TEXT NOT NULL,
	target_id TEXT NOT NULL,
	PRIMARY KEY (system, object, natural_key)
)
 WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ponte_meta (
	id SMALLINT NOT NULL,
	schema_version INTEGER NOT NULL,
	min_reader INTEGER NOT NULL,
	ledger_id TEXT NOT NULL,
	erase_key TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE IF NOT EXISTS ponte_records (
	scope BIGINT NOT NULL,
	"key" TEXT NOT NULL,
	natural_key TEXT,
	print_hi BIGINT,
	print_lo BIGINT,
	version BIGINT NOT NULL,
	deleted_at BIGINT,
	PRIMARY KEY (scope, "key")
)
 WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ponte_records_natural ON ponte_records (scope, natural_key) WHERE natural_key IS NOT NULL;
CREATE TABLE IF NOT EXISTS ponte_rejects (
	scope BIGINT NOT NULL,
	"key" TEXT NOT NULL,
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
	PRIMARY KEY (scope, "key")
)
 WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ponte_runs (
	run TEXT NOT NULL,
	scope BIGINT NOT NULL,
	job TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	phase TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	ended_at BIGINT,
	result TEXT NOT NULL,
	pending BLOB,
	PRIMARY KEY (run)
);
CREATE INDEX IF NOT EXISTS ponte_runs_scope ON ponte_runs (scope, started_at);
CREATE TABLE IF NOT EXISTS ponte_scopes (
	id INTEGER NOT NULL,
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
