-- title: rated areas without a position or a radius; nobody is known to be in them, so they raise no level (R2)
-- severity: warning
select
    feed,
    file_number,
    record_number
from stage.rating
where place_type = 'area' and not is_fault and (latitude is null or longitude is null or radius_km is null)
