-- title: records = loaded + rejected + blank for every landed file (F1)
-- severity: blocking
select
    feed,
    file_sha256
from land.file
where coalesce(records, 0) <> coalesce(loaded, 0) + coalesce(rejected, 0) + coalesce(blank, 0)
