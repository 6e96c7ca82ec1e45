-- Drains, reclaims and drills: what was asked for, how far it has come, and what it meant for requests.
CREATE TABLE withdrawals (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('drain', 'reclaim', 'drill')),
    scope TEXT NOT NULL CHECK (scope IN ('pool', 'commitment', 'site', 'provider', 'group')),
    target TEXT NOT NULL,
    actor TEXT NOT NULL,
    asked_ms INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    cut_ms INTEGER NOT NULL CHECK (cut_ms >= from_ms),
    return_ms INTEGER,
    short_notice_days REAL NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('announced', 'leaving', 'out', 'returned')),
    taken_out_ms INTEGER,
    was_cut_ms INTEGER,
    emptied_ms INTEGER,
    returned_ms INTEGER,
    in_flight_at_start INTEGER NOT NULL,
    cut_requests INTEGER NOT NULL,
    report TEXT
) STRICT;
