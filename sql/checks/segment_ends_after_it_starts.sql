-- title: segments whose end was given before their start
-- severity: warning
select segment_key
from core.segment
where is_reversed
