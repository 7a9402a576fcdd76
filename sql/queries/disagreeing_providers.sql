-- title: Places whose providers disagree (R6), at as_of or at another instant in UTC
-- parameters: at=
with asked as (
    select coalesce(cast(nullif($at, '') as timestamp), as_of) as asked_at
    from mart.publication
)

select
    d.place_name,
    d.category,
    d.lowest_level,
    d.highest_level,
    d.levels,
    d.deciding_provider,
    d.deciding_level
from mart.rating_disagreement as d
cross join asked as a
where d.valid_from <= a.asked_at and (d.valid_to is null or d.valid_to > a.asked_at)
order by d.highest_level - d.lowest_level desc, d.place_name asc, d.category asc
