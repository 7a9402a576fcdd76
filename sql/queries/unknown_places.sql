-- title: Places that could not be recognised, by text, with the stays that name them
select
    place_name,
    count(*) as stays,
    count(distinct traveller_id) as travellers,
    min(starts_at) as first_starts_at,
    max(starts_at) as last_starts_at
from mart.stay
where place_status = 'unknown'
group by place_name
order by stays desc, place_name asc
