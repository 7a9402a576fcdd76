-- Grain: ISO week in the office's time zone that any exposure touches, with its instants in UTC.
-- Rules: E3 (Monday 00:00 in the office time zone).
-- week_number counts Mondays from 1990-01-01, a Monday. A zone's day may begin late where midnight was skipped.
with parameter as (
    select office_timezone
    from reference.parameter
),

extent as (
    select
        min(starts_at) as first_at,
        max(ends_at) as last_at
    from core.exposure_interval
),

numbers as (
    select
        unnest(
            generate_series(
                cast(date_diff('day', date '1990-01-01', cast(first_at as date)) // 7 - 1 as bigint),
                cast(date_diff('day', date '1990-01-01', cast(last_at as date)) // 7 + 1 as bigint)
            )
        ) as week_number
    from extent
    where first_at is not null
),

mondays as (
    select
        week_number,
        cast(date '1990-01-01' + to_days(cast(week_number * 7 as integer)) as timestamp) as week_starts_local,
        cast(date '1990-01-01' + to_days(cast(week_number * 7 + 7 as integer)) as timestamp) as week_ends_local
    from numbers
)

select
    m.week_number,
    cast(m.week_starts_local as date) as week_start_date,
    m.week_starts_local - to_seconds(s.utc_offset_seconds) as starts_at,
    m.week_ends_local - to_seconds(e.utc_offset_seconds) as ends_at
from mondays as m
cross join parameter as p
inner join reference.zone_transition as s
    on
        p.office_timezone = s.timezone and year(m.week_starts_local) = s.local_year
        and m.week_starts_local >= s.local_starts and m.week_starts_local < s.local_ends
inner join reference.zone_transition as e
    on
        p.office_timezone = e.timezone and year(m.week_ends_local) = e.local_year
        and m.week_ends_local >= e.local_starts and m.week_ends_local < e.local_ends
