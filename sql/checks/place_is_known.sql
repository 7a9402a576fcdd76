-- title: stays at places that no gazetteer or alias knows; they are counted in rows of their own (P2)
-- severity: warning
select stay_id
from mart.stay
where place_status = 'unknown' and not is_home
