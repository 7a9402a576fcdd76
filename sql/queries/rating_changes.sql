-- title: Levels that changed, newest first, with who was there and who was about to arrive
-- parameters: days=30
select
    c.changed_at,
    c.place_name,
    c.country_code,
    c.category,
    c.provider,
    c.from_level,
    c.to_level,
    c.travellers_in_place,
    c.travellers_arriving
from mart.rating_change as c
cross join mart.publication as p
where c.changed_at <= p.as_of and c.changed_at > p.as_of - to_days(cast($days as integer))
order by c.changed_at desc, c.place_name asc, c.provider asc, c.category asc
