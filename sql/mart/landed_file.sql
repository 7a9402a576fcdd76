-- Grain: landed file.
-- Rules: F1 (records = loaded + rejected + blank, for each file), F3 (failed), F4 (held).
select
    feed,
    table_name,
    file_name,
    file_sha256,
    received_at,
    landed_at,
    byte_count,
    part,
    status as file_status,
    records,
    loaded,
    rejected,
    blank,
    message
from land.file
order by feed, received_at, file_sha256
