-- title: Exposure of a week by level, beside last week, the same week last year and the mean of thirteen weeks
-- parameters: week=2026-11-09
-- Time in transit and en route is a column of its own; people are recounted for each week, never summed (E2).
with asked as (
    select
        cast($week as date) as week_start_date,
        office_timezone
    from mart.publication
),

periods as (
    select
        spans.period,
        timezone('UTC', timezone(asked.office_timezone, cast(asked.week_start_date - spans.days as timestamp)))
            as starts_at,
        timezone('UTC', timezone(asked.office_timezone, cast(asked.week_start_date - spans.days + 7 as timestamp)))
            as ends_at
    from asked
    cross join (values ('this', 0), ('last', 7), ('year', 364)) as spans (period, days)
),

people as (
    select
        e.risk_level,
        count(distinct case when p.period = 'this' then e.traveller_id end) as travellers,
        count(distinct case when p.period = 'last' then e.traveller_id end) as travellers_last_week,
        count(distinct case when p.period = 'year' then e.traveller_id end) as travellers_last_year
    from periods as p
    inner join mart.exposure as e on e.starts_at < p.ends_at and e.ends_at > p.starts_at
    where e.presence not in ('transit', 'en_route')
    group by e.risk_level
),

days as (
    select
        e.risk_level,
        sum(case when e.week_start_date = a.week_start_date and e.presence_group = 'moving' then e.person_days end)
            as moving,
        sum(
            case when e.week_start_date = a.week_start_date and e.presence_group <> 'moving' then e.person_days end
        ) as this_week,
        sum(
            case when e.week_start_date = a.week_start_date - 7 and e.presence_group <> 'moving' then e.person_days end
        ) as last_week,
        sum(
            case
                when e.week_start_date = a.week_start_date - 364 and e.presence_group <> 'moving' then e.person_days
            end
        ) as last_year,
        sum(
            case
                when e.week_start_date > a.week_start_date - 91 and e.presence_group <> 'moving' then e.person_days
            end
        ) / 13 as quarter_mean
    from mart.exposure_by_week as e
    inner join asked as a on e.week_start_date <= a.week_start_date and e.week_start_date >= a.week_start_date - 364
    group by e.risk_level
)

select
    l.risk_level,
    coalesce(p.travellers, 0) as travellers,
    coalesce(p.travellers_last_week, 0) as travellers_last_week,
    coalesce(p.travellers_last_year, 0) as travellers_last_year,
    coalesce(d.this_week, 0) as person_days,
    coalesce(d.last_week, 0) as person_days_last_week,
    coalesce(d.last_year, 0) as person_days_last_year,
    coalesce(d.quarter_mean, 0) as person_days_quarter_mean,
    coalesce(d.moving, 0) as person_days_moving
from (values (5), (4), (3), (2), (1), (null)) as l (risk_level)
left join days as d on l.risk_level is not distinct from d.risk_level
left join people as p on l.risk_level is not distinct from p.risk_level
order by l.risk_level desc nulls last
