-- When a proposal must be in effect at the latest: capacity goes at a known time.
ALTER TABLE limit_proposals ADD COLUMN by_ms INTEGER;

-- A reclaim may take a part of each pool, and stand on a partner's record too.
ALTER TABLE withdrawals ADD COLUMN quantity INTEGER CHECK (quantity > 0);
ALTER TABLE withdrawals ADD COLUMN partner TEXT;
