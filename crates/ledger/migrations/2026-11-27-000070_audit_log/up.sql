-- What people did with clients' data, the values that leaves hold as hashes alone, and signed heads of the tree.

-- The columns actor, paths (a JSON list), target, purpose and detail hold hashes of private values.
CREATE TABLE actions (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    asset TEXT,
    repository TEXT,
    location TEXT,
    point TEXT,
    paths TEXT NOT NULL,
    target TEXT,
    purpose TEXT NOT NULL,
    break_glass TEXT,
    outcome TEXT,
    detail TEXT,
    token BIGINT NOT NULL,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    reviewed_at BIGINT,
    reviewed_by TEXT,
    review TEXT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL))
);
CREATE INDEX actions_by_outcome ON actions (outcome);
CREATE INDEX actions_by_repository ON actions (repository);
CREATE UNIQUE INDEX actions_by_break_glass ON actions (break_glass) WHERE break_glass IS NOT NULL;
CREATE TRIGGER actions_never_go BEFORE DELETE ON actions
BEGIN SELECT RAISE(ABORT, 'actions never go'); END;
CREATE TRIGGER actions_end_once BEFORE UPDATE ON actions
WHEN OLD.outcome IS NOT NULL AND OLD.outcome <> 'cut-off' AND NEW.outcome IS NOT OLD.outcome
BEGIN SELECT RAISE(ABORT, 'an action ends once'); END;

-- Apart from the leaves, so that one can be erased: without its salt nobody finds it by trying.
CREATE TABLE private_values (
    hash TEXT NOT NULL PRIMARY KEY,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    value TEXT NOT NULL
);
CREATE TRIGGER private_values_stay BEFORE UPDATE ON private_values
BEGIN SELECT RAISE(ABORT, 'private values are kept or erased'); END;

CREATE TABLE erasures (
    hash TEXT NOT NULL PRIMARY KEY,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);
CREATE TRIGGER erasures_stay BEFORE UPDATE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are only ever appended'); END;
CREATE TRIGGER erasures_never_go BEFORE DELETE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are only ever appended'); END;

-- Signed heads of the tree. They are no facts: each is proven by its signature and by the leaves.
CREATE TABLE checkpoints (
    sha256 TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    root TEXT NOT NULL,
    note TEXT NOT NULL,
    kept_at BIGINT NOT NULL
);
CREATE INDEX checkpoints_by_size ON checkpoints (size);
CREATE TRIGGER checkpoints_stay BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are only ever appended'); END;
CREATE TRIGGER checkpoints_never_go BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are only ever appended'); END;

-- That a new log began, because the one before was lost or forged. Heads that the old key signed say nothing of this one.
CREATE TABLE log_restarts (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    old_key TEXT NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE TRIGGER log_restarts_stay BEFORE UPDATE ON log_restarts
BEGIN SELECT RAISE(ABORT, 'restarts are only ever appended'); END;
CREATE TRIGGER log_restarts_never_go BEFORE DELETE ON log_restarts
BEGIN SELECT RAISE(ABORT, 'restarts are only ever appended'); END;

-- That a location was given one.
CREATE TABLE anchors (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    location TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    size BIGINT NOT NULL,
    root TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX anchors_by_location ON anchors (location, size);
CREATE TRIGGER anchors_stay BEFORE UPDATE ON anchors
BEGIN SELECT RAISE(ABORT, 'anchors are only ever appended'); END;
CREATE TRIGGER anchors_never_go BEFORE DELETE ON anchors
BEGIN SELECT RAISE(ABORT, 'anchors are only ever appended'); END;
