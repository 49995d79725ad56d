-- Points that were recorded while the clock showed less than it had shown before: their instants say nothing.

ALTER TABLE points ADD COLUMN is_undated BOOLEAN NOT NULL DEFAULT FALSE;
