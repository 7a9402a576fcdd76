-- title: The change from last week, as known at its end, to a week, as known now, by level and cause
-- parameters: week=2026-11-09
-- The parts sum to the difference exactly (E5), so last week's figure of then follows from the others. All time is
-- counted, transit and en route included. Other weeks than the last completed one: muster report week.
with parts as (
    select
        risk_level,
        sum(case when cause = 'late' then person_days_change end) as late,
        sum(case when cause = 'cancelled_or_changed' then person_days_change end) as cancelled_or_changed,
        sum(case when cause = 'new' then person_days_change end) as new,
        sum(case when cause = 'ended' then person_days_change end) as ended,
        sum(case when cause = 're_rated' then person_days_change end) as re_rated,
        sum(person_days_change) as difference
    from mart.exposure_change_by_week
    where week_start_date = cast($week as date)
    group by risk_level
),

days as (
    select
        risk_level,
        sum(person_days) as person_days
    from mart.exposure_by_week
    where week_start_date = cast($week as date)
    group by risk_level
)

select
    p.risk_level,
    case
        when abs(coalesce(d.person_days, 0) - p.difference) < 0.000000001 then 0
        else coalesce(d.person_days, 0) - p.difference
    end as last_week_as_known_then,
    p.late,
    p.cancelled_or_changed,
    p.new,
    p.ended,
    p.re_rated,
    coalesce(d.person_days, 0) as person_days
from parts as p
left join days as d on p.risk_level is not distinct from d.risk_level
order by p.risk_level desc nulls last
