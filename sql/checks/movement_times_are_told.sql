-- title: movements told with one end alone, so that the time of the other is estimated from the distance
-- severity: warning
select segment_key
from core.segment
where is_time_estimated and segment_status <> 'cancelled'
