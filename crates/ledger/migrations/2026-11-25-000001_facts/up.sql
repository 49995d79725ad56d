-- Instants are nanoseconds since 1970 in UTC. A column `leaf` is the number of the leaf that says what the row says.

CREATE TABLE leaves (
    sequence BIGINT NOT NULL PRIMARY KEY CHECK (sequence >= 0),
    kind TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE policy_versions (
    number BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    effective BIGINT NOT NULL,
    approver TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);

CREATE TABLE slots (
    id TEXT NOT NULL PRIMARY KEY,
    asset TEXT NOT NULL,
    dataset TEXT NOT NULL,
    kind TEXT NOT NULL,
    basis TEXT NOT NULL,
    opens BIGINT NOT NULL,
    closes BIGINT NOT NULL,
    due BIGINT NOT NULL,
    policy_version BIGINT NOT NULL REFERENCES policy_versions (number),
    state TEXT NOT NULL CHECK (state IN ('expected', 'ok', 'late', 'missed', 'degraded', 'waived')),
    run TEXT,
    reason TEXT,
    settled_at BIGINT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK (opens <= closes AND closes <= due),
    CHECK ((state = 'expected') = (settled_at IS NULL))
);
CREATE INDEX slots_by_due ON slots (due);
CREATE INDEX slots_by_state ON slots (state, due);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    asset TEXT NOT NULL,
    dataset TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'ended')),
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT CHECK (outcome IN ('done', 'degraded', 'failed', 'interrupted')),
    point TEXT,
    token BIGINT NOT NULL,
    report_sha256 TEXT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK ((state = 'ended') = (outcome IS NOT NULL)),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX runs_by_time ON runs (begun_at);
CREATE INDEX runs_by_asset ON runs (asset, begun_at);
CREATE INDEX runs_by_state ON runs (state);

CREATE TABLE run_slots (
    run TEXT NOT NULL REFERENCES runs (id),
    slot TEXT NOT NULL,
    PRIMARY KEY (run, slot)
);

-- Reports name clients' files, so they lie apart: one can be erased, and the leaf still proves which one it was.
CREATE TABLE reports (
    run TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
    json TEXT NOT NULL
);

CREATE TABLE points (
    id TEXT NOT NULL PRIMARY KEY,
    repository TEXT NOT NULL,
    asset TEXT NOT NULL,
    dataset TEXT NOT NULL,
    kind TEXT NOT NULL,
    instant BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);
CREATE INDEX points_by_asset ON points (asset, instant);

CREATE TABLE copies (
    point TEXT NOT NULL REFERENCES points (id),
    location TEXT NOT NULL,
    has_since BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    removed_at BIGINT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    PRIMARY KEY (point, location)
);

CREATE TABLE checks (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    repository TEXT NOT NULL,
    location TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('structure', 'point', 'slice', 'all')),
    point TEXT,
    slice BIGINT,
    slices BIGINT,
    bytes_read BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('whole', 'owed', 'damaged', 'unusable')),
    detail TEXT,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    CHECK ((scope = 'point') = (point IS NOT NULL)),
    CHECK ((scope = 'slice') = (slice IS NOT NULL)),
    CHECK ((scope = 'slice') = (slices IS NOT NULL))
);
CREATE INDEX checks_by_place ON checks (repository, location, happened_at);

CREATE TABLE receipts (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    purge TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('logical', 'physical')),
    repository TEXT NOT NULL,
    location TEXT NOT NULL,
    object_group TEXT NOT NULL,
    objects BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX receipts_by_purge ON receipts (purge);

CREATE TABLE waivers (
    id TEXT NOT NULL PRIMARY KEY,
    asset TEXT NOT NULL,
    dataset TEXT,
    begins BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK (begins < expires)
);
CREATE INDEX waivers_by_asset ON waivers (asset, expires);

CREATE TABLE holds (
    id TEXT NOT NULL PRIMARY KEY,
    asset TEXT NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    review_on TEXT NOT NULL,
    placed_at BIGINT NOT NULL,
    released_at BIGINT,
    released_by TEXT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    CHECK ((released_at IS NULL) = (released_by IS NULL))
);
CREATE INDEX holds_by_asset ON holds (asset);

CREATE TABLE leases (
    token BIGINT NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    released_at BIGINT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);

-- What was said stays said. A direct UPDATE or DELETE is a mistake or a forgery.
CREATE TRIGGER leaves_stay BEFORE UPDATE ON leaves
BEGIN SELECT RAISE(ABORT, 'leaves are only ever appended'); END;
CREATE TRIGGER leaves_never_go BEFORE DELETE ON leaves
BEGIN SELECT RAISE(ABORT, 'leaves are only ever appended'); END;
CREATE TRIGGER leaves_have_no_gap BEFORE INSERT ON leaves
WHEN NEW.sequence <> (SELECT COALESCE(MAX(sequence), -1) + 1 FROM leaves)
BEGIN SELECT RAISE(ABORT, 'leaves are only ever appended'); END;

CREATE TRIGGER policy_versions_stay BEFORE UPDATE ON policy_versions
BEGIN SELECT RAISE(ABORT, 'policy versions are only ever appended'); END;
CREATE TRIGGER policy_versions_never_go BEFORE DELETE ON policy_versions
BEGIN SELECT RAISE(ABORT, 'policy versions are only ever appended'); END;
CREATE TRIGGER points_stay BEFORE UPDATE ON points
BEGIN SELECT RAISE(ABORT, 'points are only ever appended'); END;
CREATE TRIGGER points_never_go BEFORE DELETE ON points
BEGIN SELECT RAISE(ABORT, 'points are only ever appended'); END;
CREATE TRIGGER checks_stay BEFORE UPDATE ON checks
BEGIN SELECT RAISE(ABORT, 'checks are only ever appended'); END;
CREATE TRIGGER checks_never_go BEFORE DELETE ON checks
BEGIN SELECT RAISE(ABORT, 'checks are only ever appended'); END;
CREATE TRIGGER receipts_stay BEFORE UPDATE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are only ever appended'); END;
CREATE TRIGGER receipts_never_go BEFORE DELETE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are only ever appended'); END;
CREATE TRIGGER slots_never_go BEFORE DELETE ON slots
BEGIN SELECT RAISE(ABORT, 'slots never go'); END;
CREATE TRIGGER slots_settle_once BEFORE UPDATE ON slots WHEN OLD.state <> 'expected'
BEGIN SELECT RAISE(ABORT, 'a slot is settled once'); END;
CREATE TRIGGER runs_never_go BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs never go'); END;
CREATE TRIGGER runs_end_once BEFORE UPDATE ON runs WHEN OLD.state = 'ended'
BEGIN SELECT RAISE(ABORT, 'a run ends once'); END;
CREATE TRIGGER copies_never_go BEFORE DELETE ON copies
BEGIN SELECT RAISE(ABORT, 'copies never go'); END;
CREATE TRIGGER waivers_stay BEFORE UPDATE ON waivers
BEGIN SELECT RAISE(ABORT, 'waivers are only ever appended'); END;
CREATE TRIGGER waivers_never_go BEFORE DELETE ON waivers
BEGIN SELECT RAISE(ABORT, 'waivers are only ever appended'); END;
CREATE TRIGGER holds_never_go BEFORE DELETE ON holds
BEGIN SELECT RAISE(ABORT, 'holds never go'); END;
CREATE TRIGGER leases_never_go BEFORE DELETE ON leases
BEGIN SELECT RAISE(ABORT, 'leases never go'); END;
