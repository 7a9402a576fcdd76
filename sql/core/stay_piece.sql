-- Grain: stay piece: traveller x place x half-open interval of one presence and one number of candidates.
-- Rules: S5. stay_id counts the pieces in order of their start, and they lie in that order: whoever sorts them by time
-- finds them nearly sorted. Of one traveller and place, one piece starts at an instant.
select
    cast(row_number() over (order by starts_at, traveller_key, place_key) as bigint) as stay_id,
    traveller_key,
    place_key,
    trip_key,
    starts_at,
    case when ends_at < timestamp '9999-01-01 00:00:00' then ends_at end as ends_at,
    presence,
    candidate_count,
    is_home,
    is_guessed,
    segment_keys
from core.stay_stretch
