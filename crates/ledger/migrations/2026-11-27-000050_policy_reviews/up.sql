-- Reviews of the policy: that somebody looked at it, whatever came of it.

CREATE TABLE policy_reviews (
    leaf BIGINT NOT NULL PRIMARY KEY REFERENCES leaves (sequence),
    reviewer TEXT NOT NULL,
    policy_sha256 TEXT NOT NULL,
    policy_version BIGINT REFERENCES policy_versions (number),
    note TEXT,
    happened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE TRIGGER policy_reviews_stay BEFORE UPDATE ON policy_reviews
BEGIN SELECT RAISE(ABORT, 'reviews are only ever appended'); END;
CREATE TRIGGER policy_reviews_never_go BEFORE DELETE ON policy_reviews
BEGIN SELECT RAISE(ABORT, 'reviews are only ever appended'); END;
