-- Rollouts of model versions: all that ever were. A row is never removed.
CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    model TEXT NOT NULL,
    from_version TEXT NOT NULL,
    to_version TEXT NOT NULL,
    steps TEXT NOT NULL,
    hold_seconds REAL NOT NULL,
    min_requests INTEGER NOT NULL,
    false_alarm_share REAL NOT NULL,
    latency_slack_share REAL NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('running', 'paused', 'rolled_back', 'completed')),
    step INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    step_since_ms INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT;

-- One at a time is under way for a model.
CREATE UNIQUE INDEX rollouts_open ON rollouts (model) WHERE phase IN ('running', 'paused');
