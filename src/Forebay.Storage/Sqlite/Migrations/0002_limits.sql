-- What limits are rebuilt from at a start: sums by tenant and model that stay small over a month.
CREATE TABLE usage_hours (
    hour INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    price_micros INTEGER NOT NULL,
    PRIMARY KEY (hour, tenant, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_days (
    day INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    price_micros INTEGER NOT NULL,
    PRIMARY KEY (day, tenant, model)
) STRICT, WITHOUT ROWID;

-- Minutes may be negative in a database that met a clock before 1970: such rows fall into the hour towards zero, and no
-- window ever looks at them.
INSERT INTO usage_hours (hour, tenant, model, requests, tokens, price_micros)
SELECT minute / 60, tenant, model, sum(requests), sum(input + cache_write + output), sum(customer_price_micros)
FROM usage_minutes JOIN usage_series ON id = series GROUP BY 1, 2, 3;

INSERT INTO usage_days (day, tenant, model, requests, tokens, price_micros)
SELECT hour / 24, tenant, model, sum(requests), sum(tokens), sum(price_micros)
FROM usage_hours GROUP BY 1, 2, 3;

-- The five-hour window that a tenant opened last, and the one before it, in minutes since 1970.
CREATE TABLE limit_windows (
    tenant TEXT NOT NULL PRIMARY KEY,
    opened_minute INTEGER NOT NULL,
    before_minute INTEGER
) STRICT, WITHOUT ROWID;

-- What each tenant's limits were when they were last compared, and every change found since.
CREATE TABLE limits_in_force (
    tenant TEXT NOT NULL PRIMARY KEY,
    terms TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE limit_changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    model_class TEXT,
    before TEXT,
    after TEXT,
    changed_by TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;

CREATE INDEX limit_changes_by_tenant ON limit_changes (tenant, sequence);

CREATE TRIGGER limit_changes_no_update BEFORE UPDATE ON limit_changes
BEGIN SELECT RAISE(ABORT, 'the history of limits is append-only'); END;

CREATE TRIGGER limit_changes_no_delete BEFORE DELETE ON limit_changes
BEGIN SELECT RAISE(ABORT, 'the history of limits is append-only'); END;
