-- title: Places whose providers disagree (R6), at as_of or at another instant in UTC
-- parameters: at=
with asked as (
    select coalesce(cast(nullif($at, '') as timestamp), as_of) as asked_at
    from mart.publication
),

-- a provider that rates one level for everything is compared in both categories (R3)
categories as (
    select unnest(['security', 'medical']) as category
),

in_force as (
    select
        r.place_id,
        r.place_name,
        c.category,
        r.provider,
        max(r.level) as level
    from mart.rating_period as r
    inner join categories as c on r.category in (c.category, 'overall')
    cross join asked as a
    where
        r.level is not null
        and r.valid_from <= a.asked_at
        and (r.valid_to is null or r.valid_to > a.asked_at)
    group by r.place_id, r.place_name, c.category, r.provider
)

select
    place_name,
    category,
    min(level) as lowest_level,
    max(level) as highest_level,
    string_agg(provider || ' ' || level, ', ' order by provider) as levels
from in_force
group by place_id, place_name, category
having min(level) < max(level)
order by highest_level - lowest_level desc, place_name asc, category asc
