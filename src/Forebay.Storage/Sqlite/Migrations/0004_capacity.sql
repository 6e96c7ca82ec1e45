-- The capacity ledger: a log of changes, and the state after the last of them.
CREATE TABLE capacity_ledger (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT;

INSERT INTO capacity_ledger (id, version, sequence) VALUES (1, 0, 0);

CREATE TABLE capacity_supplies (
    pool TEXT NOT NULL,
    unit TEXT NOT NULL,
    supply TEXT NOT NULL,
    PRIMARY KEY (pool, unit)
) STRICT, WITHOUT ROWID;

-- Leases that ended stay, for what was used when; an id may come again after that.
CREATE TABLE capacity_leases (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    pool TEXT NOT NULL,
    unit TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    lease TEXT NOT NULL
) STRICT;

CREATE INDEX capacity_leases_by_end ON capacity_leases (end_ms, from_ms);

CREATE TABLE capacity_changes (
    version INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    change TEXT NOT NULL
) STRICT;

CREATE TRIGGER capacity_changes_no_update BEFORE UPDATE ON capacity_changes
BEGIN SELECT RAISE(ABORT, 'the log of the capacity ledger is append-only'); END;

CREATE TRIGGER capacity_changes_no_delete BEFORE DELETE ON capacity_changes
BEGIN SELECT RAISE(ABORT, 'the log of the capacity ledger is append-only'); END;

-- Partners, and what happened to them.
CREATE TABLE partners (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision > 0),
    partner TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE partner_events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    partner TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL,
    UNIQUE (partner, revision)
) STRICT;

CREATE TRIGGER partner_events_no_update BEFORE UPDATE ON partner_events
BEGIN SELECT RAISE(ABORT, 'the history of partners is append-only'); END;

CREATE TRIGGER partner_events_no_delete BEFORE DELETE ON partner_events
BEGIN SELECT RAISE(ABORT, 'the history of partners is append-only'); END;
