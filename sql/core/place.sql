-- Grain: one row per place that a text of this run means, and per place that holds it.
-- Rules: P1, P2, P3.
-- Why: the dense key keeps later joins small; it follows the order of the place ids, so that the same input gives the
-- same keys. A place of which nothing is known keeps its text as its name, has no position, and the office's zone.
with

place_match as (
    select distinct place_id from core.place_match
),

parameter as (
    select office_timezone from reference.parameter
),

used as (
    select gazetteer_place.*
    from reference.gazetteer_place
    inner join place_match on gazetteer_place.place_id = place_match.place_id
),

wanted as (
    select place_id from used
    union
    select country_code as place_id from used
    union
    select region_code as place_id from used
    union
    select parent_region_code as place_id from used
    union
    select city_place_id as place_id from used
    union
    select area_id as place_id from used
),

known as (
    select
        gazetteer_place.place_id,
        gazetteer_place.place_type,
        gazetteer_place.place_name,
        gazetteer_place.country_code,
        gazetteer_place.region_code,
        gazetteer_place.city_place_id,
        gazetteer_place.area_id,
        gazetteer_place.latitude,
        gazetteer_place.longitude,
        coalesce(gazetteer_place.timezone, parameter.office_timezone) as timezone,
        gazetteer_place.place_type as precision,
        gazetteer_place.is_zone_assumed or gazetteer_place.timezone is null as is_zone_assumed
    from reference.gazetteer_place
    inner join wanted on gazetteer_place.place_id = wanted.place_id
    cross join parameter
),

written as (
    select
        place_id,
        min(case when candidate_count = 1 then trim(place_text) end) as place_text
    from core.place_match
    where place_status = 'unknown'
    group by place_id
),

unknown as (
    select
        place_match.place_id,
        'unknown' as place_type,
        coalesce(nullif(written.place_text, ''), nullif(substr(place_match.place_id, 9), ''), 'no place given')
            as place_name,
        cast(null as varchar) as country_code,
        cast(null as varchar) as region_code,
        cast(null as varchar) as city_place_id,
        place_match.place_id as area_id,
        cast(null as double) as latitude,
        cast(null as double) as longitude,
        parameter.office_timezone as timezone,
        'unknown' as precision,
        true as is_zone_assumed
    from place_match
    left join known on place_match.place_id = known.place_id
    left join written on place_match.place_id = written.place_id
    cross join parameter
    where known.place_id is null
),

every_place as (
    select * from known
    union all
    select * from unknown
)

select
    cast(row_number() over (order by place_id) as integer) as place_key,
    place_id,
    place_type,
    place_name,
    country_code,
    region_code,
    city_place_id,
    area_id,
    latitude,
    longitude,
    timezone,
    precision,
    is_zone_assumed
from every_place
order by place_key
