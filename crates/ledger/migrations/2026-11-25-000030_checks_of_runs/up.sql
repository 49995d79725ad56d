-- Checks of what one run stored, repairs, and what a check found of single points (as JSON, as in its leaf).

ALTER TABLE checks RENAME TO checks_before;

CREATE TABLE checks (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    repository TEXT NOT NULL,
    location TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('structure', 'point', 'run', 'slice', 'all', 'repair')),
    point TEXT,
    run TEXT,
    slice BIGINT,
    slices BIGINT,
    bytes_read BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('whole', 'owed', 'damaged', 'unusable')),
    detail TEXT,
    findings TEXT,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    CHECK ((scope IN ('point', 'run')) = (point IS NOT NULL)),
    CHECK ((scope = 'run') = (run IS NOT NULL)),
    CHECK ((scope = 'slice') = (slice IS NOT NULL)),
    CHECK ((scope = 'slice') = (slices IS NOT NULL))
);
INSERT INTO checks (leaf, repository, location, scope, point, slice, slices, bytes_read, outcome, detail, happened_at, recorded_at)
SELECT leaf, repository, location, scope, point, slice, slices, bytes_read, outcome, detail, happened_at, recorded_at
FROM checks_before;
DROP TABLE checks_before;
CREATE INDEX checks_by_place ON checks (repository, location, happened_at);
CREATE INDEX checks_by_run ON checks (run);

CREATE TRIGGER checks_stay BEFORE UPDATE ON checks
BEGIN SELECT RAISE(ABORT, 'checks are only ever appended'); END;
CREATE TRIGGER checks_never_go BEFORE DELETE ON checks
BEGIN SELECT RAISE(ABORT, 'checks are only ever appended'); END;
