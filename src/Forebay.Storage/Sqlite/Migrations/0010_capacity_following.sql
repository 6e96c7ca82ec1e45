-- When a proposal must be in effect at the latest: capacity goes at a known time.
ALTER TABLE limit_proposals ADD COLUMN by_ms INTEGER;
