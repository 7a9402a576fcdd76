-- title: ratings whose level is blank or mapped by no scale; it is not known and the level before it holds (R5, F4)
-- severity: warning
select
    feed,
    file_number,
    record_number
from stage.rating
where fault_reason in ('no_level', 'unmapped_level')
