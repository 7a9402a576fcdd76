-- Grain: place x category x provider x half-open interval of one rating.
-- Rules: R1, R3, R5, F4.
select
    rating_id,
    provider,
    category,
    place_id,
    place_name,
    place_type,
    country_code,
    level,
    worst_case_level,
    native_level,
    has_regional_advice,
    is_flagged,
    valid_from,
    valid_to,
    stale_from,
    evacuation_status,
    published_at,
    received_at,
    latitude,
    longitude,
    radius_km,
    is_invented,
    evidence
from core.rating_period
order by rating_id
