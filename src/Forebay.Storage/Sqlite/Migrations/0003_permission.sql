-- The data class that all requests of a key belong to.
ALTER TABLE api_keys ADD COLUMN data_class TEXT;

-- What the admin API denies of models; a row is never removed, so that the number of the last change stays.
CREATE TABLE export_masks (
    model TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL UNIQUE CHECK (version > 0),
    changed_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    everywhere INTEGER NOT NULL CHECK (everywhere IN (0, 1)),
    jurisdictions TEXT NOT NULL,
    countries TEXT NOT NULL,
    site_kinds TEXT NOT NULL
) STRICT;

-- The rules that requests were decided on, in full, by hash.
CREATE TABLE permission_contexts (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 16),
    content TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE place_series (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('last', 'earlier', 'unsent', 'unknown')),
    context BLOB NOT NULL CHECK (length(context) = 16),
    site TEXT NOT NULL,
    jurisdiction TEXT NOT NULL,
    country TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (tenant, model, role, context, site, jurisdiction, country, kind)
) STRICT;

CREATE TABLE place_minutes (
    minute INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES place_series (id),
    requests INTEGER NOT NULL,
    PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;

-- What was counted before places were kept: every request of the ledger has its row here.
INSERT INTO place_series (tenant, model, role, context, site, jurisdiction, country, kind)
SELECT DISTINCT tenant, model, 'unknown', zeroblob(16), site, '', '', '' FROM usage_series;

INSERT INTO place_minutes (minute, series, requests)
SELECT m.minute, p.id, sum(m.requests)
FROM usage_minutes m
JOIN usage_series s ON s.id = m.series
JOIN place_series p ON p.tenant = s.tenant AND p.model = s.model AND p.site = s.site
GROUP BY m.minute, p.id;
