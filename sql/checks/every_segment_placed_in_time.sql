-- title: segments that state no date at all, so that no stay can come of them; their trips are incomplete
-- severity: warning
select segment_key
from core.segment
where starts_at is null
