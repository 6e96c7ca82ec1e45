-- Batches and files, without their contents: those are encrypted files beside this one.
CREATE TABLE batches (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    surface TEXT NOT NULL CHECK (surface IN ('messages', 'openai')),
    phase TEXT NOT NULL CHECK (phase IN ('validating', 'failed', 'running', 'cancelling', 'expiring', 'finalizing',
        'ended')),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    purge_ms INTEGER,
    -- The whole of it, as JSON.
    state TEXT NOT NULL
) STRICT;

CREATE INDEX batches_by_tenant ON batches (tenant, surface, sequence);
CREATE INDEX batches_open ON batches (sequence) WHERE phase NOT IN ('failed', 'ended');
CREATE INDEX batches_due ON batches (purge_ms) WHERE purge_ms IS NOT NULL;

CREATE TABLE batch_files (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX batch_files_by_tenant ON batch_files (tenant, sequence);
CREATE INDEX batch_files_due ON batch_files (expires_ms);

-- By which key contents are encrypted: a fingerprint of it, so that a wrong one is noticed before anything is touched.
CREATE TABLE content_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16)
) STRICT;

-- Usage tells items of batches from other requests. The series' uniqueness changes with it, so both tables are made anew.
CREATE TABLE usage_series_next (
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
    batch INTEGER NOT NULL CHECK (batch IN (0, 1)),
    UNIQUE (tenant, key, model, deployment, pool, site, provider, backing, outcome, batch)
) STRICT;

INSERT INTO usage_series_next (id, tenant, key, model, deployment, pool, site, provider, backing, outcome, batch)
SELECT id, tenant, key, model, deployment, pool, site, provider, backing, outcome, 0 FROM usage_series;

CREATE TABLE usage_minutes_next (
    minute INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES usage_series_next (id),
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

INSERT INTO usage_minutes_next SELECT minute, series, requests, input, cache_read, cache_write, output,
    provider_cost_micros, customer_price_micros, first_tokens, first_token_us, total_us FROM usage_minutes;

DROP TABLE usage_minutes;
DROP TABLE usage_series;
ALTER TABLE usage_series_next RENAME TO usage_series;
ALTER TABLE usage_minutes_next RENAME TO usage_minutes;

ALTER TABLE fold_open ADD COLUMN batch INTEGER NOT NULL DEFAULT 0 CHECK (batch IN (0, 1));
