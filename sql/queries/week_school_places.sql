-- title: Travellers of a week by school, affiliation and country, with the highest level there
-- parameters: week=2026-11-09
-- People are counted in each country where they were; transit and en route are left out.
with asked as (
    select
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) as timestamp))) as starts_at,
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) + 7 as timestamp))) as ends_at
    from mart.publication
)

select
    coalesce(t.school, 'Not known') as school,
    coalesce(t.affiliation, 'Not known') as affiliation,
    e.country_code,
    max(e.risk_level) as risk_level,
    count(distinct e.traveller_id) as travellers,
    count(distinct e.traveller_id) filter (where e.presence = 'possible') as possibly_there
from asked as a
inner join mart.exposure as e on e.starts_at < a.ends_at and e.ends_at > a.starts_at
inner join mart.traveller as t on e.traveller_id = t.traveller_id
where e.presence not in ('transit', 'en_route')
group by coalesce(t.school, 'Not known'), coalesce(t.affiliation, 'Not known'), e.country_code
order by school asc, affiliation asc, risk_level desc nulls first, e.country_code asc
