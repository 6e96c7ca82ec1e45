-- Changes of tiers' multipliers that were worked out, and what became of them.
CREATE TABLE limit_proposals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    base_version INTEGER NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('raise', 'reduce_hours', 'lower', 'capacity_lost')),
    multipliers TEXT NOT NULL,
    announce_ms INTEGER NOT NULL,
    arithmetic TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'applied', 'replaced')),
    decided_ms INTEGER,
    decided_by TEXT
) STRICT;

CREATE UNIQUE INDEX limit_proposals_one_open ON limit_proposals (state) WHERE state = 'open';

-- Decisions on multipliers, each whole. The number settles who was first.
CREATE TABLE limit_versions (
    number INTEGER NOT NULL PRIMARY KEY CHECK (number > 0),
    at_ms INTEGER NOT NULL,
    effective_ms INTEGER NOT NULL,
    multipliers TEXT NOT NULL,
    proposal INTEGER REFERENCES limit_proposals (id),
    rolled_back INTEGER,
    actor TEXT NOT NULL
) STRICT;

CREATE TRIGGER limit_versions_no_update BEFORE UPDATE ON limit_versions
BEGIN SELECT RAISE(ABORT, 'decisions on limits are append-only'); END;

CREATE TRIGGER limit_versions_no_delete BEFORE DELETE ON limit_versions
BEGIN SELECT RAISE(ABORT, 'decisions on limits are append-only'); END;
