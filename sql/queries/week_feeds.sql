-- title: Feeds with the newest file of each and whether it is in time
select
    feed,
    status,
    is_optional,
    newest_received_at,
    rhythm_days,
    records,
    rejected,
    failed_files,
    held_files
from mart.feed_status
order by status = 'current' asc, is_optional asc, feed asc
