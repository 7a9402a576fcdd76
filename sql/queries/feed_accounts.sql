-- title: Every feed's account: records, loaded, rejected, blank, and how fresh it is
select
    feed,
    status,
    files,
    records,
    loaded,
    rejected,
    blank,
    newest_received_at,
    records = loaded + rejected + blank as is_accounted
from mart.feed_status
order by feed
