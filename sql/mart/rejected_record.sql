-- Grain: rejected record.
-- Rules: F1 (kept with file, record, line, bytes and a reason in words). The steward's file alone.
select
    feed,
    file_sha256,
    record_number,
    line_number,
    byte_start,
    byte_end,
    reason,
    raw
from land.rejected_record
order by feed, file_sha256, record_number
