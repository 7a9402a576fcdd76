-- title: Person-days of the thirteen weeks up to a week by level
-- parameters: week=2026-11-09
select
    week_start_date,
    risk_level,
    sum(person_days) as person_days
from mart.exposure_by_week
where
    week_start_date > cast($week as date) - 91 and week_start_date <= cast($week as date)
    and presence_group <> 'moving'
group by week_start_date, risk_level
order by week_start_date asc, risk_level asc nulls first
