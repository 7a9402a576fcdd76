-- title: Places whose providers disagree (R6), at as_of or at another instant in UTC
-- parameters: at=
with asked as (
    select coalesce(cast(nullif($at, '') as timestamp), as_of) as asked_at
    from mart.publication
),

in_force as (
    select
        place_id,
        place_name,
        category,
        provider,
        max(level) as level
    from mart.rating_period
    cross join asked
    where
        level is not null
        and valid_from <= asked_at
        and (valid_to is null or valid_to > asked_at)
    group by place_id, place_name, category, provider
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
