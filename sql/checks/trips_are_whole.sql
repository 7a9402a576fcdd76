-- title: trips of which a record was rejected or says no time; their travellers may be elsewhere, or missing (F1)
-- severity: warning
select
    trip_id,
    source
from core.trip
where is_incomplete and trip_status <> 'cancelled'
