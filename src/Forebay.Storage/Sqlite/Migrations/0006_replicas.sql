-- Replicas of models: where each stands. A generation never goes back.
CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL CHECK (generation >= 0),
    phase TEXT NOT NULL CHECK (phase IN ('planned', 'fetching', 'starting', 'warming', 'ready', 'draining', 'stopping',
        'stopped', 'failed')),
    since_ms INTEGER NOT NULL,
    deadline_ms INTEGER,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    not_before_ms INTEGER NOT NULL,
    after_stop TEXT NOT NULL CHECK (after_stop IN ('stop', 'retry', 'replace', 'fail')),
    warmed_generation INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    restart_generation INTEGER NOT NULL,
    reason TEXT,
    -- What the present generation is made of, as JSON; secrets stand in it by reference only.
    spec TEXT NOT NULL,
    CHECK (phase <> 'ready' OR warmed_generation = generation)
) STRICT;

-- Weights on their way to sites, and those that are there.
CREATE TABLE transfers (
    site TEXT NOT NULL,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    phase TEXT NOT NULL CHECK (phase IN ('fetching', 'verifying', 'done', 'failed')),
    verified_parts INTEGER NOT NULL,
    sent_bytes INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    -- The whole of it, as JSON.
    spec TEXT NOT NULL,
    progress TEXT NOT NULL,
    PRIMARY KEY (site, sha256)
) STRICT, WITHOUT ROWID;
