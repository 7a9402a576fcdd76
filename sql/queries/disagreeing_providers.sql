-- title: Countries whose providers disagree at an instant (R6)
-- parameters: at=2026-11-22 00:00
with in_force as (
    select
        country_code,
        category,
        provider,
        max(level) as level
    from mart.rating_period
    where
        place_type = 'country'
        and level is not null
        and valid_from <= $at::timestamp
        and (valid_to is null or valid_to > $at::timestamp)
    group by country_code, category, provider
)

select
    country_code,
    category,
    min(level) as lowest_level,
    max(level) as highest_level,
    string_agg(provider || ' ' || level, ', ' order by provider) as levels
from in_force
group by country_code, category
having min(level) < max(level)
order by highest_level - lowest_level desc, country_code asc, category asc
