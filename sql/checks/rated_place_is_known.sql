-- title: ratings of places that no gazetteer or alias knows; nobody is known to be there, they raise no level (R2, P2)
-- severity: warning
select
    provider,
    category,
    place_id,
    valid_from
from core.rating_period
where place_type = 'unknown'
