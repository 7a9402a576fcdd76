-- Grain: place x rated place or area that speaks for it (or, is_inside, lies within a place known only by country).
-- Rules: R2 (the place itself, its region, its country, areas containing it), P3 (worst case within a country).
-- An area lies within a country where it covers one of the country's cities.
with cities as (
    select
        country_code,
        latitude,
        longitude
    from reference.gazetteer_place
    where place_type = 'city' and valid_to is null
),

areas as (
    select
        node_key,
        specificity,
        latitude,
        longitude,
        radius_km
    from core.rated_node
    where place_type = 'area'
),

covered as (
    select distinct
        a.node_key,
        a.specificity,
        c.country_code
    from areas as a
    inner join cities as c
        on c.latitude between a.latitude - a.radius_km / 110.0 and a.latitude + a.radius_km / 110.0
    where
        2 * 6371 * asin(
            least(
                1.0,
                sqrt(
                    pow(sin(radians(a.latitude - c.latitude) / 2), 2)
                    + cos(radians(c.latitude))
                    * cos(radians(a.latitude))
                    * pow(sin(radians(a.longitude - c.longitude) / 2), 2)
                )
            )
        ) <= a.radius_km
),

ancestors as (
    select
        place_key,
        place_id as ancestor_id
    from core.place
    where place_type <> 'unknown'
    union
    select
        place_key,
        city_place_id as ancestor_id
    from core.place
    where city_place_id is not null
    union
    select
        place_key,
        region_code as ancestor_id
    from core.place
    where region_code is not null
    union
    select
        place_key,
        country_code as ancestor_id
    from core.place
    where country_code is not null
)

select
    a.place_key,
    n.node_key,
    n.specificity,
    false as is_inside
from ancestors as a
inner join core.rated_node as n on a.ancestor_id = n.place_id
union all
select
    p.place_key,
    n.node_key,
    n.specificity,
    false as is_inside
from core.rated_node as n
inner join core.place as p
    on
        p.precision in ('city', 'site') and n.place_type = 'area'
        and p.latitude between n.latitude - n.radius_km / 110.0 and n.latitude + n.radius_km / 110.0
where
    2 * 6371 * asin(
        least(
            1.0,
            sqrt(
                pow(sin(radians(n.latitude - p.latitude) / 2), 2)
                + cos(radians(p.latitude))
                * cos(radians(n.latitude))
                * pow(sin(radians(n.longitude - p.longitude) / 2), 2)
            )
        )
    ) <= n.radius_km
union all
select
    p.place_key,
    n.node_key,
    n.specificity,
    true as is_inside
from core.place as p
inner join core.rated_node as n on p.country_code = n.country_code
where p.precision = 'country' and n.place_type in ('region', 'city', 'site')
union all
select
    p.place_key,
    c.node_key,
    c.specificity,
    true as is_inside
from core.place as p
inner join covered as c on p.country_code = c.country_code
where p.precision = 'country'
