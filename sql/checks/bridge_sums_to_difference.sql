-- title: the causes of a level's change sum to the week's person-days less those known then of the week before (E5)
-- severity: blocking
with parts as (
    select
        week_start_date,
        risk_level,
        sum(person_days_change) as person_days
    from mart.exposure_change_by_week
    group by week_start_date, risk_level
),

week_now as (
    select
        w.week_start_date,
        e.risk_level,
        sum(e.person_days) as person_days
    from reference.bridge_week as w
    inner join mart.exposure_by_week as e on w.week_start_date = e.week_start_date
    group by w.week_start_date, e.risk_level
),

before_then as (
    select
        w.week_start_date,
        t.risk_level,
        cast(
            sum(
                (epoch_us(least(t.ends_at, w.starts_at)) - epoch_us(greatest(t.starts_at, w.before_starts_at)))
                * 2520 // t.candidate_count
            ) as double
        ) / 2520.0 / 86400000000.0 as person_days
    from reference.exposure_then as t
    inner join reference.bridge_week as w
        on
            t.week_start_date = w.week_start_date and t.starts_at < w.starts_at
            and t.ends_at > w.before_starts_at
    group by w.week_start_date, t.risk_level
),

steps as (
    select
        week_start_date,
        risk_level,
        person_days
    from week_now
    union all
    select
        week_start_date,
        risk_level,
        -person_days as person_days
    from before_then
    union all
    select
        week_start_date,
        risk_level,
        -person_days as person_days
    from parts
)

select
    week_start_date,
    risk_level,
    sum(person_days) as difference
from steps
group by week_start_date, risk_level
having abs(sum(person_days)) > 0.000001
union all
select
    week_start_date,
    cast(null as integer) as risk_level,
    sum(person_days_change) as difference
from mart.exposure_change_by_week
where cause = 're_rated'
group by week_start_date
having abs(sum(person_days_change)) > 0.000001
