-- title: People without a known onward journey, the longest there first
select
    traveller_id,
    place_name,
    country_code,
    risk_level,
    presence,
    since_at
from mart.current_exposure
where until_at is null
order by since_at
