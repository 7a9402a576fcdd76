-- title: Person-days of the thirteen weeks up to a week by level
-- parameters: week=2026-11-09
-- A week without exposure has one row, of no level and no days.
with weeks as (
    select cast($week as date) - cast(7 * steps.back as integer) as week_start_date
    from (select unnest(range(13)) as back) as steps
),

days as (
    select
        week_start_date,
        risk_level,
        sum(person_days) as person_days
    from mart.exposure_by_week
    where
        week_start_date > cast($week as date) - 91 and week_start_date <= cast($week as date)
        and presence_group <> 'moving'
    group by week_start_date, risk_level
)

select
    w.week_start_date,
    d.risk_level,
    coalesce(d.person_days, 0) as person_days
from weeks as w
left join days as d on w.week_start_date = d.week_start_date
order by w.week_start_date asc, d.risk_level asc nulls first
