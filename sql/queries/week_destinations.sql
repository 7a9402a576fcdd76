-- title: Exposure of a week by country and level, beside last week, the same week last year and thirteen weeks
-- parameters: week=2026-11-09
-- Transit and en route are left out. Countries without exposure in the week are listed where they had some last week.
with asked as (
    select
        cast($week as date) as week_start_date,
        office_timezone
    from mart.publication
),

period as (
    select
        timezone('UTC', timezone(office_timezone, cast(week_start_date as timestamp))) as starts_at,
        timezone('UTC', timezone(office_timezone, cast(week_start_date + 7 as timestamp))) as ends_at
    from asked
),

people as (
    select
        e.country_code,
        e.risk_level,
        count(distinct e.traveller_id) as travellers
    from period as p
    inner join mart.exposure as e on e.starts_at < p.ends_at and e.ends_at > p.starts_at
    where e.presence not in ('transit', 'en_route')
    group by e.country_code, e.risk_level
),

days as (
    select
        e.country_code,
        e.risk_level,
        sum(case when e.week_start_date = a.week_start_date then e.person_days else 0 end) as this_week,
        sum(case when e.week_start_date = a.week_start_date - 7 then e.person_days else 0 end) as last_week,
        sum(case when e.week_start_date = a.week_start_date - 364 then e.person_days else 0 end) as last_year,
        sum(case when e.week_start_date > a.week_start_date - 91 then e.person_days else 0 end) / 13 as quarter_mean,
        sum(case when e.week_start_date = a.week_start_date then e.arrivals else 0 end) as arrivals,
        sum(case when e.week_start_date = a.week_start_date then e.traveller_nights else 0 end) as traveller_nights
    from mart.exposure_by_week as e
    inner join asked as a on e.week_start_date <= a.week_start_date and e.week_start_date >= a.week_start_date - 364
    where e.presence_group <> 'moving'
    group by e.country_code, e.risk_level
)

select
    d.country_code,
    d.risk_level,
    coalesce(p.travellers, 0) as travellers,
    cast(d.arrivals as bigint) as arrivals,
    d.this_week as person_days,
    d.last_week as person_days_last_week,
    d.last_year as person_days_last_year,
    d.quarter_mean as person_days_quarter_mean
from days as d
left join people as p
    on d.country_code is not distinct from p.country_code and d.risk_level is not distinct from p.risk_level
where d.this_week > 0 or d.last_week > 0
order by d.risk_level desc nulls first, d.this_week desc, d.country_code asc
