-- Grain: week x risk_level x cause, for each week in reference.bridge_week and each level that occurs in it.
-- Rules: E5 (the change from week w-1, as known at its end, to week w, as known now, decomposed exactly).
-- Four measures of each trip, place and level, in microseconds times 2520 / candidate_count as in exposure_by_week:
-- known then in w-1 and in w (planned), known now in w-1 and in w. What changed about w-1 itself is late. The rest is
-- the step from w-1 to w as known now: it belongs to a changed trip where the plan of then for w no longer holds; else
-- each place's days are compared: those it has in both weeks, if at other levels, are re-rated, more is new, less is
-- ended. All are whole numbers until the last line, for sums of fractions would depend on their order (E2). An open
-- stay that has begun is known until as_of alone (S7), so its plan reaches just as far as is asked now.
with parameter as (
    select as_of
    from reference.parameter
),

intervals as (
    select
        t.week_start_date,
        t.trip_id,
        t.place_id,
        t.risk_level,
        t.starts_at,
        case when t.is_open and t.starts_at < a.as_of then a.as_of else t.ends_at end as ends_at,
        t.candidate_count,
        true as is_then
    from reference.exposure_then as t
    cross join parameter as a
    union all
    select
        w.week_start_date,
        e.trip_id,
        e.place_id,
        e.risk_level,
        e.starts_at,
        e.ends_at,
        e.candidate_count,
        false as is_then
    from mart.exposure as e
    inner join reference.bridge_week as w on e.starts_at < w.ends_at and e.ends_at > w.before_starts_at
),

clipped as (
    select
        i.week_start_date,
        i.trip_id,
        i.place_id,
        i.risk_level,
        i.is_then,
        greatest(epoch_us(least(i.ends_at, w.starts_at)) - epoch_us(greatest(i.starts_at, w.before_starts_at)), 0)
        * 2520 // i.candidate_count as before_parts,
        greatest(epoch_us(least(i.ends_at, w.ends_at)) - epoch_us(greatest(i.starts_at, w.starts_at)), 0)
        * 2520 // i.candidate_count as week_parts
    from intervals as i
    inner join reference.bridge_week as w on i.week_start_date = w.week_start_date
),

measured as (
    select
        week_start_date,
        trip_id,
        place_id,
        risk_level,
        sum(case when is_then then before_parts else 0 end) as before_then,
        sum(case when is_then then week_parts else 0 end) as week_then,
        sum(case when is_then then 0 else before_parts end) as before_now,
        sum(case when is_then then 0 else week_parts end) as week_now
    from clipped
    group by week_start_date, trip_id, place_id, risk_level
),

known_trips as (
    select distinct
        week_start_date,
        trip_id
    from reference.exposure_then
),

places as (
    select
        week_start_date,
        trip_id,
        place_id,
        sum(week_then) as week_then,
        cast(sum(before_now) as double) as before_now,
        cast(sum(week_now) as double) as week_now,
        sum(week_then) <> sum(week_now) as is_changed
    from measured
    group by week_start_date, trip_id, place_id
),

changed_trips as (
    select distinct
        p.week_start_date,
        p.trip_id
    from places as p
    inner join known_trips as k on p.week_start_date = k.week_start_date and p.trip_id = k.trip_id
    where p.is_changed
),

shared as (
    select
        m.week_start_date,
        m.risk_level,
        m.before_now - m.before_then as late_parts,
        m.before_now,
        m.week_now,
        c.trip_id is not null as is_changed,
        case
            when p.before_now > 0
                then cast(round(m.before_now * least(p.before_now, p.week_now) / p.before_now) as bigint)
            else 0
        end as before_in_both,
        case
            when p.week_now > 0
                then cast(round(m.week_now * least(p.before_now, p.week_now) / p.week_now) as bigint)
            else 0
        end as week_in_both
    from measured as m
    inner join places as p
        on m.week_start_date = p.week_start_date and m.trip_id = p.trip_id and m.place_id = p.place_id
    left join changed_trips as c on m.week_start_date = c.week_start_date and m.trip_id = c.trip_id
),

summed as (
    select
        week_start_date,
        risk_level,
        cast(sum(late_parts) as double) as late,
        cast(sum(case when is_changed then week_now - before_now else 0 end) as double) as cancelled_or_changed,
        cast(sum(case when is_changed then 0 else week_now - week_in_both end) as double) as new,
        cast(sum(case when is_changed then 0 else before_in_both - before_now end) as double) as ended,
        cast(sum(case when is_changed then 0 else week_in_both - before_in_both end) as double) as re_rated
    from shared
    group by week_start_date, risk_level
),

causes as (
    select unnest(['late', 'cancelled_or_changed', 'new', 'ended', 're_rated']) as cause
)

select
    s.week_start_date,
    s.risk_level,
    c.cause,
    case c.cause
        when 'late' then s.late
        when 'cancelled_or_changed' then s.cancelled_or_changed
        when 'new' then s.new
        when 'ended' then s.ended
        else s.re_rated
    end / 2520.0 / 86400000000.0 as person_days_change
from summed as s
cross join causes as c
order by s.week_start_date, s.risk_level, c.cause
