-- title: Person-days of each week at a level or higher, actual and planned
-- parameters: min_level=4, since=2000-01-01
select
    week_start_date,
    risk_level,
    sum(person_days) as person_days,
    sum(person_days_actual) as person_days_actual,
    sum(person_days_planned) as person_days_planned
from mart.exposure_by_week
where
    presence_group in ('present', 'possible')
    and (risk_level is null or risk_level >= $min_level::integer)
    and week_start_date >= $since::date
group by week_start_date, risk_level
order by week_start_date asc, risk_level desc nulls first
