-- title: movements whose times differ between feeds; the newest update counts (S3)
-- severity: warning
select movement_key
from core.movement
where has_disagreement
