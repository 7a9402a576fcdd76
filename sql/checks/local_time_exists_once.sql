-- title: local times that were ambiguous or did not exist when clocks changed (S1)
-- severity: warning
select segment_key
from core.segment
where is_time_flagged
