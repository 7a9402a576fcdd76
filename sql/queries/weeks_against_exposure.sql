-- title: Person-days of each week beside those of the exposures clipped to it
-- The two agree to the microsecond (E4); the sum of a week is the table's, the count is made anew from the intervals.
with zone as (
    select office_timezone
    from mart.publication
),

weeks as (
    select
        w.week_start_date,
        timezone('UTC', timezone(z.office_timezone, cast(w.week_start_date as timestamp))) as starts_at,
        timezone('UTC', timezone(z.office_timezone, cast(w.week_start_date + 7 as timestamp))) as ends_at
    from (select distinct week_start_date from mart.exposure_by_week) as w
    cross join zone as z
),

spread as (
    select
        starts_at,
        ends_at,
        candidate_count,
        unnest(
            generate_series(
                cast(date_trunc('week', starts_at - interval '1 day') as date),
                cast(date_trunc('week', ends_at + interval '1 day') as date),
                interval '7 days'
            )
        ) as monday
    from mart.exposure
),

clipped as (
    select
        w.week_start_date,
        sum(
            (epoch_us(least(s.ends_at, w.ends_at)) - epoch_us(greatest(s.starts_at, w.starts_at)))
            * 2520 // s.candidate_count
        ) as parts
    from spread as s
    inner join weeks as w on cast(s.monday as date) = w.week_start_date
    where s.starts_at < w.ends_at and s.ends_at > w.starts_at
    group by w.week_start_date
),

counted as (
    select
        week_start_date,
        sum(person_days) as person_days
    from mart.exposure_by_week
    group by week_start_date
)

select
    c.week_start_date,
    c.person_days,
    coalesce(cast(p.parts as double) / 2520.0 / 86400000000.0, 0) as person_days_of_exposure,
    c.person_days - coalesce(cast(p.parts as double) / 2520.0 / 86400000000.0, 0) as difference
from counted as c
left join clipped as p on c.week_start_date = p.week_start_date
order by c.week_start_date
