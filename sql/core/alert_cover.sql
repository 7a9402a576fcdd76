-- Grain: alert x place that it names x country or region that its circle covers.
-- Rules: P3 (who is known only by country or region may be anywhere in it, so also in the circle).
-- A circle covers the countries and regions of the cities in it, as an area of a rating does, and those of the city
-- nearest to its middle, for a small circle may hold none: a point lies where its nearest city lies (100 km, S4). Cells
-- of one degree of latitude (110.6 km and more) by ten of longitude make the search for cities an equality.
with circles as (
    select
        *,
        search_km / 110.0 as latitude_degrees,
        case
            when abs(latitude) + search_km / 110.0 >= 89.0 then 180.0
            else least(search_km / 110.0 / cos(radians(abs(latitude) + search_km / 110.0)), 180.0)
        end as longitude_degrees
    from (
        select
            alert_id,
            candidate_number,
            latitude,
            longitude,
            radius_km,
            greatest(radius_km, 100.0) as search_km
        from core.alert_reach
        where reach = 'circle'
    ) as searched
),

cities as (
    select
        place_id,
        country_code,
        region_code,
        parent_region_code,
        latitude,
        longitude,
        cast(floor(latitude) as bigint) as band,
        cast(floor((longitude + 180.0) / 10.0) as bigint) % 36 as sector
    from reference.gazetteer_place
    where place_type = 'city' and valid_to is null
),

banded as (
    select
        *,
        unnest(
            generate_series(
                cast(floor(greatest(latitude - latitude_degrees, -90.0)) as bigint),
                cast(floor(least(latitude + latitude_degrees, 90.0)) as bigint)
            )
        ) as band
    from circles
),

-- Counted from a turn further west, so that no sector is negative and the date line is no border.
sectored as (
    select
        *,
        unnest(
            generate_series(
                cast(floor((longitude - longitude_degrees + 540.0) / 10.0) as bigint),
                cast(floor((longitude + longitude_degrees + 540.0) / 10.0) as bigint)
            )
        ) % 36 as sector
    from banded
),

cells as (
    select distinct *
    from sectored
),

measured as (
    select
        b.alert_id,
        b.candidate_number,
        b.radius_km,
        b.search_km,
        c.place_id,
        c.country_code,
        c.region_code,
        c.parent_region_code,
        2 * 6371.0088 * asin(
            least(
                1.0,
                sqrt(
                    pow(sin(radians(c.latitude - b.latitude) / 2), 2)
                    + cos(radians(b.latitude)) * cos(radians(c.latitude))
                    * pow(sin(radians(c.longitude - b.longitude) / 2), 2)
                )
            )
        ) as distance_km
    from cells as b
    inner join cities as c on b.band = c.band and b.sector = c.sector
),

ranked as (
    select
        *,
        row_number() over (partition by alert_id, candidate_number order by distance_km, place_id) as nearness
    from measured
    where distance_km <= search_km
),

covered as (
    select
        *,
        unnest([country_code, region_code, parent_region_code]) as covered_id
    from ranked
    where distance_km <= radius_km or nearness = 1
)

select distinct
    alert_id,
    candidate_number,
    covered_id as place_id
from covered
where covered_id is not null
