-- Grain: ordered pair of places in one area, a place with itself included.
-- Rules: S4 (same city or metropolitan area, or within 100 km). Countries and regions are near only themselves.
-- Bands of one degree of latitude (111 km) make the search for neighbours an equality.
with places as (
    select
        place_key,
        place_type,
        area_id,
        latitude,
        longitude
    from core.place
),

points as (
    select
        place_key,
        latitude,
        longitude,
        cast(floor(latitude) as integer) as band
    from places
    where place_type in ('city', 'site') and latitude is not null and longitude is not null
),

banded as (
    select
        place_key,
        latitude,
        longitude,
        unnest([band - 1, band, band + 1]) as band
    from points
),

close_by as (
    select
        a.place_key,
        b.place_key as other_place_key
    from points as a
    inner join banded as b on a.band = b.band
    where
        abs(a.latitude - b.latitude) < 0.91
        and 2 * 6371 * asin(
            least(
                1.0,
                sqrt(
                    pow(sin(radians(b.latitude - a.latitude) / 2), 2)
                    + cos(radians(a.latitude)) * cos(radians(b.latitude))
                    * pow(sin(radians(b.longitude - a.longitude) / 2), 2)
                )
            )
        ) <= 100
)

select
    place_key,
    other_place_key
from close_by
union
select
    a.place_key,
    b.place_key as other_place_key
from places as a
inner join places as b on a.area_id = b.area_id
union
select
    place_key,
    place_key as other_place_key
from places
