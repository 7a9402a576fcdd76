-- title: in every week the person-days over all places and levels equal those of the stays clipped to it (E4)
-- severity: blocking
with clipped as (
    select
        w.week_start_date,
        sum(
            (epoch_us(least(e.ends_at, w.ends_at)) - epoch_us(greatest(e.starts_at, w.starts_at)))
            * 2520 // e.candidate_count
        ) as parts
    from core.exposure_interval as e
    inner join core.week as w on e.starts_at < w.ends_at and e.ends_at > w.starts_at
    group by w.week_start_date
),

counted as (
    select
        week_start_date,
        sum(person_days) as person_days,
        sum(person_days_actual) + sum(person_days_planned) as parted_days
    from mart.exposure_by_week
    group by week_start_date
)

select
    coalesce(s.week_start_date, c.week_start_date) as week_start_date,
    s.parts,
    c.person_days
from clipped as s
full outer join counted as c on s.week_start_date = c.week_start_date
where
    abs(coalesce(cast(s.parts as double) / 2520.0 / 86400000000.0, 0) - coalesce(c.person_days, 0)) > 0.000001
    or abs(coalesce(c.parted_days, 0) - coalesce(c.person_days, 0)) > 0.000001
