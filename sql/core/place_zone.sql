-- Grain: known place, with the zone of places that the same ratings speak for.
-- Rules: R2, P3. Many places share few chains of rated ancestors, so that ratings are resolved once a zone.
with places as (
    select place_key
    from core.place
    where place_type <> 'unknown'
),

chains as (
    select
        place_key,
        array_to_string(
            list_sort(list(concat(lpad(cast(node_key as varchar), 9, '0'), case when is_inside then 'i' else '' end))),
            ','
        ) as chain
    from core.place_node
    group by place_key
),

chained as (
    select
        p.place_key,
        coalesce(c.chain, '') as chain
    from places as p
    left join chains as c on p.place_key = c.place_key
)

select
    place_key,
    cast(dense_rank() over (order by chain) as integer) as zone_key
from chained
