-- Grain: landed file.
-- Rules: F1 (records = loaded + rejected + blank, for each file), F2 (the same bytes count once; a snapshot that came
-- again after another file has a row for each time, of which the last says what became of it), F3 (failed), F4 (held).
with files as (
    select
        *,
        min(received_at) over (partition by feed, file_sha256) as first_received_at
    from land.file
)

select
    feed,
    table_name,
    file_name,
    file_sha256,
    first_received_at as received_at,
    coalesce(last_received_at, received_at) as last_received_at,
    landed_at,
    byte_count,
    part,
    status as file_status,
    records,
    loaded,
    rejected,
    blank,
    message
from files
where came_again is not true
order by feed, received_at, file_sha256
