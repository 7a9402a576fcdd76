-- Grain: place or circle of an area that any provider rates, numbered densely.
-- Rules: R2 (how specific a rated place is: country, region, area, city, site).
-- An area that moves or changes its size is a circle for each, for a rating speaks of the one that it was given with.
with ratings as (
    select
        place_id,
        place_type,
        country_code,
        case when place_type = 'area' then latitude end as latitude,
        case when place_type = 'area' then longitude end as longitude,
        case when place_type = 'area' then radius_km end as radius_km
    from core.rating_period
),

nodes as (
    select
        place_id,
        latitude,
        longitude,
        radius_km,
        min(place_type) as place_type,
        min(country_code) as country_code
    from ratings
    group by place_id, latitude, longitude, radius_km
)

select
    cast(row_number() over (order by place_id, latitude, longitude, radius_km) as integer) as node_key,
    place_id,
    place_type,
    country_code,
    latitude,
    longitude,
    radius_km,
    case place_type when 'country' then 1 when 'region' then 2 when 'area' then 3 when 'city' then 4 else 5 end
        as specificity
from nodes
