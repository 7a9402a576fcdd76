-- title: ratings whose level no scale maps; it is not known, and the level before it stays in force (R5, F4)
-- severity: warning
select
    feed,
    file_number,
    record_number
from stage.rating
where fault_reason = 'unmapped_level'
