CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    models TEXT,
    replaced_by TEXT
) STRICT;

CREATE TABLE admin_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER
) STRICT;

-- AUTOINCREMENT keeps the highest number ever given, so that entries cut off the end leave a gap that shows.
CREATE TABLE audit_log (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE usage_series (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    deployment TEXT NOT NULL,
    pool TEXT NOT NULL,
    site TEXT NOT NULL,
    provider TEXT NOT NULL,
    backing TEXT NOT NULL,
    outcome TEXT NOT NULL,
    UNIQUE (tenant, key, model, deployment, pool, site, provider, backing, outcome)
) STRICT;

CREATE TABLE usage_minutes (
    minute INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES usage_series (id),
    requests INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    provider_cost_micros INTEGER NOT NULL,
    customer_price_micros INTEGER NOT NULL,
    first_tokens INTEGER NOT NULL,
    first_token_us INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE fold_position (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    segment INTEGER NOT NULL,
    offset INTEGER NOT NULL
) STRICT;

INSERT INTO fold_position (id, segment, offset) VALUES (1, 0, 0);

CREATE TABLE fold_open (
    request_id BLOB NOT NULL PRIMARY KEY CHECK (length(request_id) = 16),
    accepted_ms INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    estimated_input_tokens INTEGER NOT NULL,
    reserved_output_tokens INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
