-- title: exposures at known places that no provider rates; their level is unknown, not low (R4)
-- severity: warning
select exposure_id
from mart.exposure
where rating_status = 'unrated'
