-- What people had to be told when it happened. And what a run lasted, by a clock that nobody sets.

CREATE TABLE alarms (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX alarms_by_time ON alarms (happened_at);
CREATE TRIGGER alarms_stay BEFORE UPDATE ON alarms
BEGIN SELECT RAISE(ABORT, 'alarms are only ever appended'); END;
CREATE TRIGGER alarms_never_go BEFORE DELETE ON alarms
BEGIN SELECT RAISE(ABORT, 'alarms are only ever appended'); END;

ALTER TABLE runs ADD COLUMN capture_ms BIGINT;
ALTER TABLE runs ADD COLUMN copy_ms BIGINT;

CREATE INDEX slots_by_asset ON slots (asset, dataset, opens);
