-- Restore tests: who was drawn and from what, before anything is restored; and of each that was drawn how it began, how it ended,
-- and that what was restored for it is gone.

-- The columns seed_from, targets and left_out hold JSON.
CREATE TABLE restore_tests (
    id TEXT NOT NULL PRIMARY KEY,
    exercise TEXT NOT NULL,
    occasion TEXT,
    opens BIGINT,
    ends BIGINT,
    seed TEXT NOT NULL,
    seed_from TEXT,
    sample BIGINT,
    untested_max_seconds BIGINT,
    every TEXT NOT NULL,
    by TEXT NOT NULL,
    policy_version BIGINT,
    targets TEXT NOT NULL,
    left_out TEXT NOT NULL,
    planned_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK ((occasion IS NULL) = (opens IS NULL)),
    CHECK ((occasion IS NULL) = (ends IS NULL))
);
CREATE UNIQUE INDEX restore_tests_once ON restore_tests (exercise, occasion) WHERE occasion IS NOT NULL;
CREATE INDEX restore_tests_by_time ON restore_tests (planned_at);
CREATE TRIGGER restore_tests_stay BEFORE UPDATE ON restore_tests
BEGIN SELECT RAISE(ABORT, 'restore tests are only ever appended'); END;
CREATE TRIGGER restore_tests_never_go BEFORE DELETE ON restore_tests
BEGIN SELECT RAISE(ABORT, 'restore tests never go'); END;

-- The columns beside and failed hold JSON; details holds the hash of a private value.
CREATE TABLE restore_test_picks (
    id TEXT NOT NULL PRIMARY KEY,
    test TEXT NOT NULL REFERENCES restore_tests (id),
    asset TEXT NOT NULL,
    repository TEXT NOT NULL,
    why TEXT NOT NULL,
    point TEXT,
    is_drawn BOOLEAN NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'validating', 'successful', 'failed', 'timed-out')),
    location TEXT,
    beside TEXT NOT NULL,
    staging TEXT,
    action TEXT,
    destroy_by BIGINT,
    begun_at BIGINT,
    begun_recorded_at BIGINT,
    begun_leaf BIGINT REFERENCES leaves (sequence),
    failed TEXT NOT NULL,
    details TEXT,
    screenshot_sha256 TEXT,
    ended_at BIGINT,
    ended_recorded_at BIGINT,
    ended_leaf BIGINT REFERENCES leaves (sequence),
    destroyed_files BIGINT,
    destroyed_bytes BIGINT,
    not_destroyed TEXT,
    destroyed_at BIGINT,
    destroyed_recorded_at BIGINT,
    destroyed_leaf BIGINT REFERENCES leaves (sequence),
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK ((state IN ('planned', 'validating')) = (ended_at IS NULL))
);
CREATE INDEX restore_test_picks_by_test ON restore_test_picks (test);
CREATE INDEX restore_test_picks_by_asset ON restore_test_picks (asset);
CREATE INDEX restore_test_picks_by_repository ON restore_test_picks (repository);
CREATE TRIGGER restore_test_picks_never_go BEFORE DELETE ON restore_test_picks
BEGIN SELECT RAISE(ABORT, 'restore tests never go'); END;
CREATE TRIGGER restore_test_picks_end_once BEFORE UPDATE ON restore_test_picks
WHEN OLD.ended_at IS NOT NULL AND (NEW.state IS NOT OLD.state OR NEW.details IS NOT OLD.details OR NEW.point IS NOT OLD.point)
BEGIN SELECT RAISE(ABORT, 'a restore test ends once'); END;
