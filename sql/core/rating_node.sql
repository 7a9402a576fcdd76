-- Grain: rating in force, with the place or circle that it speaks of.
-- Rules: R2.
with ratings as (
    select
        rating_id,
        place_id,
        place_type,
        latitude,
        longitude,
        radius_km
    from core.rating_period
)

select
    r.rating_id,
    n.node_key
from ratings as r
inner join core.rated_node as n on r.place_id = n.place_id
where
    r.place_type <> 'area'
    or (
        r.latitude is not distinct from n.latitude and r.longitude is not distinct from n.longitude
        and r.radius_km is not distinct from n.radius_km
    )
