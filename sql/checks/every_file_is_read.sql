-- title: received files that could not be read, or are held for a person to release; 'muster feeds' says why (F3, F4)
-- severity: warning
select
    feed,
    file_sha256,
    status
from land.file
where status <> 'loaded' and came_again is not true
