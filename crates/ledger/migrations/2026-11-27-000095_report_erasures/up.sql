-- That a report was erased is a fact like any other: one that is gone without it was taken away.
CREATE TABLE report_erasures (
    run TEXT NOT NULL PRIMARY KEY,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);
CREATE TRIGGER report_erasures_stay BEFORE UPDATE ON report_erasures
BEGIN SELECT RAISE(ABORT, 'erasures are only ever appended'); END;
CREATE TRIGGER report_erasures_never_go BEFORE DELETE ON report_erasures
BEGIN SELECT RAISE(ABORT, 'erasures are only ever appended'); END;
