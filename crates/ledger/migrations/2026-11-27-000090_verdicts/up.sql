-- What was looked at beside the runs, and the verdicts on each control as they changed.

CREATE TABLE observations (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX observations_by_kind ON observations (kind, subject, leaf);
CREATE TRIGGER observations_stay BEFORE UPDATE ON observations
BEGIN SELECT RAISE(ABORT, 'observations are only ever appended'); END;
CREATE TRIGGER observations_never_go BEFORE DELETE ON observations
BEGIN SELECT RAISE(ABORT, 'observations are only ever appended'); END;

CREATE TABLE assessments (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    instant BIGINT NOT NULL UNIQUE,
    rules BIGINT NOT NULL,
    policy_version BIGINT REFERENCES policy_versions (number),
    recorded_at BIGINT NOT NULL
);
CREATE TRIGGER assessments_stay BEFORE UPDATE ON assessments
BEGIN SELECT RAISE(ABORT, 'the past does not change'); END;
CREATE TRIGGER assessments_never_go BEFORE DELETE ON assessments
BEGIN SELECT RAISE(ABORT, 'the past does not change'); END;

CREATE TABLE verdicts (
    leaf BIGINT NOT NULL REFERENCES assessments (leaf),
    control TEXT NOT NULL,
    target TEXT NOT NULL,
    document TEXT,
    PRIMARY KEY (control, target, leaf)
);
CREATE INDEX verdicts_by_leaf ON verdicts (leaf);
CREATE TRIGGER verdicts_stay BEFORE UPDATE ON verdicts
BEGIN SELECT RAISE(ABORT, 'the past does not change'); END;
CREATE TRIGGER verdicts_never_go BEFORE DELETE ON verdicts
BEGIN SELECT RAISE(ABORT, 'the past does not change'); END;
