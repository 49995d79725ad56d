-- Points of a database's log: the dump that each goes on from and where it ends; and that the server was asked later and had
-- gone no further.

CREATE TABLE log_points (
    point TEXT NOT NULL PRIMARY KEY REFERENCES points (id),
    base TEXT NOT NULL,
    server TEXT,
    file TEXT NOT NULL,
    position BIGINT NOT NULL,
    checked_at TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);
CREATE INDEX log_points_by_base ON log_points (base);
CREATE TRIGGER log_points_stay BEFORE UPDATE ON log_points
BEGIN SELECT RAISE(ABORT, 'points are only ever appended'); END;
CREATE TRIGGER log_points_never_go BEFORE DELETE ON log_points
BEGIN SELECT RAISE(ABORT, 'points are only ever appended'); END;

CREATE TABLE log_looks (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    point TEXT NOT NULL REFERENCES points (id),
    until BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX log_looks_by_time ON log_looks (recorded_at);
CREATE INDEX log_looks_by_point ON log_looks (point);
CREATE TRIGGER log_looks_stay BEFORE UPDATE ON log_looks
BEGIN SELECT RAISE(ABORT, 'what was seen does not change'); END;
CREATE TRIGGER log_looks_never_go BEFORE DELETE ON log_looks
BEGIN SELECT RAISE(ABORT, 'what was seen does not change'); END;
