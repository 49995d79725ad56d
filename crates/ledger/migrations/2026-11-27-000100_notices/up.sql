-- What people were told, by which ways, and whether it got there.

CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    team TEXT,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    items TEXT NOT NULL,
    said_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence)
);
CREATE INDEX notices_by_time ON notices (said_at);
CREATE TRIGGER notices_stay BEFORE UPDATE ON notices
BEGIN SELECT RAISE(ABORT, 'what was said does not change'); END;
CREATE TRIGGER notices_never_go BEFORE DELETE ON notices
BEGIN SELECT RAISE(ABORT, 'what was said does not change'); END;

CREATE TABLE deliveries (
    notice TEXT NOT NULL REFERENCES notices (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    detail TEXT,
    payload_sha256 TEXT,
    tried_at BIGINT,
    recorded_at BIGINT NOT NULL,
    leaf BIGINT NOT NULL REFERENCES leaves (sequence),
    PRIMARY KEY (notice, channel)
);
CREATE INDEX deliveries_by_state ON deliveries (state, channel);
CREATE TRIGGER deliveries_end BEFORE UPDATE ON deliveries WHEN OLD.state IN ('delivered', 'withdrawn', 'given-up')
BEGIN SELECT RAISE(ABORT, 'what was delivered stays so'); END;
CREATE TRIGGER deliveries_never_go BEFORE DELETE ON deliveries
BEGIN SELECT RAISE(ABORT, 'what was delivered stays so'); END;
