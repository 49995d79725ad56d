-- Purges: written down before anything is deleted, with what each decided; and which points a receipt is for.

CREATE TABLE purges (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('retention', 'shred')),
    by TEXT NOT NULL,
    policy_version BIGINT,
    client TEXT,
    reason TEXT,
    export_offered BOOLEAN,
    state TEXT NOT NULL CHECK (state IN ('begun', 'waiting', 'cut-off', 'done', 'dropped')),
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    waits TEXT,
    token BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK ((state = 'begun') = (ended_at IS NULL)),
    CHECK ((kind = 'shred') = (client IS NOT NULL)),
    CHECK ((kind = 'shred') = (reason IS NOT NULL))
);
CREATE INDEX purges_by_time ON purges (begun_at);
CREATE INDEX purges_by_state ON purges (state);
CREATE TRIGGER purges_never_go BEFORE DELETE ON purges
BEGIN SELECT RAISE(ABORT, 'purges never go'); END;
CREATE TRIGGER purges_end_once BEFORE UPDATE ON purges WHEN OLD.state IN ('done', 'dropped')
BEGIN SELECT RAISE(ABORT, 'a purge is completed once'); END;

CREATE TABLE purge_points (
    purge TEXT NOT NULL REFERENCES purges (id),
    repository TEXT NOT NULL,
    point TEXT NOT NULL,
    asset TEXT,
    instant BIGINT NOT NULL,
    reason TEXT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    PRIMARY KEY (purge, repository, point)
);
CREATE TRIGGER purge_points_stay BEFORE UPDATE ON purge_points
BEGIN SELECT RAISE(ABORT, 'what a purge decided is only ever appended'); END;
CREATE TRIGGER purge_points_never_go BEFORE DELETE ON purge_points
BEGIN SELECT RAISE(ABORT, 'what a purge decided is only ever appended'); END;

-- As JSON, as in the leaf.
ALTER TABLE receipts ADD COLUMN points TEXT;
