-- Grain: movement: one flight, train, drive or crossing of one traveller, however many feeds report it.
-- Rules: S1 (times beat dates), S3 (one fact), S4 (until the next departure).
-- Why: who changes at a hub must be found to have left it. A leg told in dates alone stands at noon, and the noons of
-- two zones say nothing of what comes first: legs of one trip, of which each leaves on the date on which the one before
-- it arrives, follow each other in the order in which they are told, between the times that are told. And where a
-- movement departs from where another one is still to arrive, it is the onward leg: the arrival was guessed or told too
-- late, and is that departure at the latest. So is an arrival that is not told at all where the next departure is from
-- a third city. A confirmed arrival is moved by a confirmed departure alone.
with dated_trip as (
    select distinct trip_key
    from core.told_movement
    where not (starts_has_time and ends_has_time)
),

-- Where a trip tells the movement: by its own number, else by its record.
told_order as (
    select
        s.trip_key,
        m.movement_key,
        min(coalesce(s.segment_number, 1000000000)) as segment_number,
        min(s.segment_key) as segment_key
    from core.movement_segment as m
    inner join core.segment as s on m.segment_key = s.segment_key
    inner join dated_trip as d on s.trip_key = d.trip_key
    group by s.trip_key, m.movement_key
),

legs as (
    select
        o.trip_key,
        o.movement_key,
        t.starts_at,
        t.ends_at,
        t.starts_has_time,
        t.ends_has_time,
        row_number() over in_trip as leg_number,
        case when lag(t.ends_date) over in_trip = t.starts_date then 0 else 1 end as is_new
    from told_order as o
    inner join core.told_movement as t on o.movement_key = t.movement_key
    window in_trip as (partition by o.trip_key order by o.segment_number, o.segment_key)
),

runs as (
    select
        *,
        sum(is_new) over (
            partition by trip_key order by leg_number rows between unbounded preceding and current row
        ) as run_number
    from legs
),

-- Departures and arrivals of a run in a row, a minute taken off for each leg that took place: a leg lasts a minute.
points as (
    select
        trip_key,
        movement_key,
        run_number,
        2 * leg_number as point_number,
        leg_number as minute_number,
        true as is_departure,
        starts_has_time as has_time,
        starts_at - to_seconds(60 * leg_number) as happens_at
    from runs
    union all
    select
        trip_key,
        movement_key,
        run_number,
        2 * leg_number + 1 as point_number,
        leg_number + 1 as minute_number,
        false as is_departure,
        ends_has_time as has_time,
        ends_at - to_seconds(60 * (leg_number + 1)) as happens_at
    from runs
),

-- What is told in dates happens before the next time that is told, and after everything before it.
bounded as (
    select
        *,
        case
            when has_time then happens_at
            else
                least(
                    happens_at,
                    coalesce(
                        min(case when has_time then happens_at end) over (
                            partition by trip_key, run_number
                            order by point_number
                            rows between 1 following and unbounded following
                        ),
                        happens_at
                    )
                )
        end as bounded_at
    from points
),

ordered as (
    select
        trip_key,
        movement_key,
        minute_number,
        is_departure,
        case
            when has_time then happens_at
            else
                max(bounded_at) over (
                    partition by trip_key, run_number
                    order by point_number
                    rows between unbounded preceding and current row
                )
        end as happens_at
    from bounded
),

following as (
    select
        trip_key,
        movement_key,
        max(case when is_departure then happens_at + to_seconds(60 * minute_number) end) as starts_at,
        max(case when not is_departure then happens_at + to_seconds(60 * minute_number) end) as ends_at
    from ordered
    group by trip_key, movement_key
),

timed as (
    select
        t.movement_key,
        t.trip_key,
        t.traveller_key,
        t.from_place_key,
        t.to_place_key,
        t.is_from_guessed,
        t.is_to_guessed,
        t.to_candidate_count,
        t.segment_key,
        t.is_confirmed,
        t.has_disagreement,
        t.starts_has_time,
        t.starts_has_time and t.is_time_estimated as is_arrival_estimated,
        t.segment_keys,
        coalesce(f.starts_at, t.starts_at) as starts_at,
        case
            when f.ends_at is null then t.ends_at else greatest(f.ends_at, f.starts_at + to_seconds(60))
        end as ends_at
    from core.told_movement as t
    left join following as f on t.movement_key = f.movement_key and t.trip_key = f.trip_key
),

followed as (
    select
        movement_key,
        traveller_key,
        from_place_key,
        to_place_key,
        starts_at,
        ends_at,
        is_arrival_estimated,
        is_confirmed,
        lead(starts_at) over (partition by traveller_key order by starts_at) as next_starts_at
    from timed
),

places as (
    select
        place_key,
        precision,
        country_code,
        region_code
    from core.place
),

-- Few movements depart while another one is under way; only those are looked at.
onward as (
    select
        a.movement_key,
        min(b.starts_at) as starts_at
    from followed as a
    inner join timed as b on a.traveller_key = b.traveller_key and a.starts_at < b.starts_at and b.starts_at < a.ends_at
    inner join places as p on a.to_place_key = p.place_key
    inner join places as q on b.from_place_key = q.place_key
    left join places as o on a.from_place_key = o.place_key
    left join core.place_near as r on a.to_place_key = r.place_key and b.from_place_key = r.other_place_key
    left join core.place_near as h on a.from_place_key = h.place_key and b.from_place_key = h.other_place_key
    where
        a.next_starts_at < a.ends_at
        and (b.is_confirmed or not a.is_confirmed)
        and (
            r.place_key is not null
            or ('country' in (p.precision, q.precision) and p.country_code = q.country_code)
            or ('region' in (p.precision, q.precision) and p.region_code = q.region_code)
            or (
                a.is_arrival_estimated and b.starts_has_time and h.place_key is null
                and o.precision in ('city', 'site') and q.precision in ('city', 'site')
            )
        )
    group by a.movement_key
)

select
    t.movement_key,
    t.trip_key,
    t.traveller_key,
    t.from_place_key,
    t.to_place_key,
    t.is_from_guessed,
    t.is_to_guessed,
    t.to_candidate_count,
    t.segment_key,
    t.starts_at,
    coalesce(o.starts_at, t.ends_at) as ends_at,
    t.is_confirmed,
    t.has_disagreement,
    t.segment_keys
from timed as t
left join onward as o on t.movement_key = o.movement_key
