-- When a proposal must be in effect at the latest: capacity goes at a known time.
ALTER TABLE limit_proposals ADD COLUMN by_ms INTEGER;

-- A reclaim may take a part of each pool, and stand on a partner's record too.
ALTER TABLE withdrawals ADD COLUMN quantity INTEGER CHECK (quantity > 0);
ALTER TABLE withdrawals ADD COLUMN partner TEXT;

-- How long a raise has been possible and capacity short, so that a restart does not begin that anew.
CREATE TABLE limit_holds (
    class TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    raise_since_ms INTEGER,
    raise_to TEXT NOT NULL,
    short_since_ms INTEGER,
    covered_input REAL NOT NULL,
    covered_output REAL NOT NULL
) STRICT;

-- What was counted of a rollout under way.
CREATE TABLE rollout_counts (
    rollout INTEGER PRIMARY KEY REFERENCES rollouts (id),
    at_ms INTEGER NOT NULL,
    step_base INTEGER NOT NULL,
    looked INTEGER NOT NULL,
    looked_ms INTEGER NOT NULL,
    arms TEXT NOT NULL
) STRICT;
