-- title: Ratings that changed in a week and whom they touched
-- parameters: week=2026-11-09
with asked as (
    select
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) as timestamp))) as starts_at,
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) + 7 as timestamp))) as ends_at
    from mart.publication
)

select
    c.changed_at,
    c.place_name,
    c.place_type,
    c.country_code,
    c.provider,
    c.category,
    c.from_level,
    c.to_level,
    c.travellers_in_place,
    c.travellers_arriving
from mart.rating_change as c
inner join asked as a on c.changed_at >= a.starts_at and c.changed_at < a.ends_at
order by
    c.travellers_in_place + c.travellers_arriving desc, c.changed_at asc, c.place_name asc, c.provider asc,
    c.category asc
