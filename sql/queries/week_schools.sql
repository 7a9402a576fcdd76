-- title: Travellers of a week by school and affiliation, with those at High, Extreme and unknown level
-- parameters: week=2026-11-09
-- People are counted once in each row, whatever number of places they were at; transit and en route are left out.
with asked as (
    select
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) as timestamp))) as starts_at,
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) + 7 as timestamp))) as ends_at
    from mart.publication
)

select
    coalesce(t.school, 'Not known') as school,
    coalesce(t.affiliation, 'Not known') as affiliation,
    count(distinct e.traveller_id) as travellers,
    count(distinct case when e.risk_level = 5 then e.traveller_id end) as at_extreme,
    count(distinct case when e.risk_level = 4 then e.traveller_id end) as at_high,
    count(distinct case when e.risk_level is null then e.traveller_id end) as at_unknown_level,
    count(distinct e.country_code) as countries,
    sum(
        cast(
            (epoch_us(least(e.ends_at, a.ends_at)) - epoch_us(greatest(e.starts_at, a.starts_at)))
            * 2520 // e.candidate_count as hugeint
        )
    ) / 2520.0 / 86400000000.0 as person_days
from asked as a
inner join mart.exposure as e on e.starts_at < a.ends_at and e.ends_at > a.starts_at
inner join mart.traveller as t on e.traveller_id = t.traveller_id
where e.presence not in ('transit', 'en_route')
group by coalesce(t.school, 'Not known'), coalesce(t.affiliation, 'Not known')
order by school asc, affiliation asc
