-- Grain: piece of a lodging or presence during which the traveller's movements do not say otherwise.
-- Rules: S1 (times beat dates: what is given in dates is clipped by movements to, from or within its place).
-- Between a departure from the place and the next arrival there the traveller was away; before the first event an
-- arrival says away, a departure says there; after the last one the other way round. Open ends stay in year 9999.
-- A lone journey says less: one from a third place, more than 7 days into the stay, of a traveller whom no movement
-- shows away since its start (none before, or the last one home before it). It takes nothing but its own time, for
-- weeks that the traveller declared weigh more than a way back that nobody booked.
-- Times given for a lodging are those of its room. They stand, but not against a confirmed departure from there within
-- the last 24 hours without a way back before its end: whoever has flown waits for no check-out.
with segments as (
    select
        s.segment_key,
        s.traveller_key,
        s.to_place_key as place_key,
        s.starts_at,
        coalesce(s.ends_at, timestamp '9999-01-01 00:00:00') as ends_at,
        not(s.starts_has_time and s.ends_has_time) as is_dated,
        s.segment_kind = 'lodging' and s.starts_has_time and s.ends_has_time as is_timed_lodging,
        p.precision,
        p.country_code,
        p.region_code
    from core.segment as s
    inner join core.place as p on s.to_place_key = p.place_key
    where s.segment_kind in ('lodging', 'presence') and s.segment_status <> 'cancelled' and s.starts_at is not null
),

journeys as (
    select
        traveller_key,
        from_place_key,
        to_place_key,
        starts_at,
        ends_at,
        lag(to_place_key) over (partition by traveller_key order by ends_at, movement_key) as last_place_key,
        lag(ends_at) over (partition by traveller_key order by ends_at, movement_key) as last_ends_at
    from core.movement
    where is_confirmed
),

lone as (
    select
        j.traveller_key,
        j.to_place_key,
        j.starts_at,
        coalesce(j.last_ends_at, timestamp '0001-01-01 00:00:00') as last_ends_at
    from journeys as j
    inner join core.traveller as t on j.traveller_key = t.traveller_key
    inner join core.place as f on j.from_place_key = f.place_key
    left join core.place as l on j.last_place_key = l.place_key
    where
        f.country_code <> t.home_country_code
        and (j.last_place_key is null or l.country_code = t.home_country_code)
),

-- An event counts for what begins from begins_from to begins_to on.
events as (
    select
        traveller_key,
        to_place_key as place_key,
        ends_at as happens_at,
        true as is_arrival,
        true as is_told,
        timestamp '0001-01-01 00:00:00' as begins_from,
        ends_at as begins_to
    from journeys
    union all
    select
        traveller_key,
        from_place_key as place_key,
        starts_at as happens_at,
        false as is_arrival,
        true as is_told,
        timestamp '0001-01-01 00:00:00' as begins_from,
        starts_at as begins_to
    from journeys
    where from_place_key is not null
    union all
    select
        traveller_key,
        to_place_key as place_key,
        starts_at as happens_at,
        false as is_arrival,
        false as is_told,
        last_ends_at as begins_from,
        starts_at - interval 7 day as begins_to
    from lone
),

touching as (
    select
        s.segment_key,
        s.traveller_key,
        s.place_key,
        s.precision,
        s.country_code,
        s.region_code,
        s.is_dated,
        e.place_key as event_place_key,
        e.happens_at,
        e.is_arrival
    from segments as s
    inner join events as e
        on
            s.traveller_key = e.traveller_key and e.happens_at > s.starts_at and e.happens_at < s.ends_at
            and e.begins_from <= s.starts_at and e.begins_to >= s.starts_at
    where s.is_dated or (s.is_timed_lodging and e.is_told and e.happens_at > s.ends_at - interval 24 hour)
),

clipping as (
    select distinct
        t.segment_key,
        t.traveller_key,
        t.happens_at,
        t.is_dated,
        case when t.is_arrival then 'arrival' else 'departure' end as event
    from touching as t
    inner join core.place as p on t.event_place_key = p.place_key
    left join core.place_near as n on t.place_key = n.place_key and t.event_place_key = n.other_place_key
    where
        n.place_key is not null
        or (t.precision = 'country' and t.country_code = p.country_code)
        or (t.precision = 'region' and t.region_code = p.region_code)
        or (p.precision = 'country' and t.country_code = p.country_code)
        or (p.precision = 'region' and t.region_code = p.region_code)
),

clipped as (
    select distinct segment_key from clipping
),

points as (
    select
        segment_key,
        traveller_key,
        happens_at,
        is_dated,
        event
    from clipping
    union all
    select
        s.segment_key,
        s.traveller_key,
        s.starts_at as happens_at,
        s.is_dated,
        'start' as event
    from segments as s
    inner join clipped as c on s.segment_key = c.segment_key
    union all
    select
        s.segment_key,
        s.traveller_key,
        s.ends_at as happens_at,
        s.is_dated,
        'end' as event
    from segments as s
    inner join clipped as c on s.segment_key = c.segment_key
),

pieces as (
    select
        segment_key,
        traveller_key,
        happens_at as starts_at,
        is_dated,
        event as first_event,
        lead(happens_at) over (partition by segment_key order by happens_at, event) as ends_at,
        lead(event) over (partition by segment_key order by happens_at, event) as last_event
    from points
)

select
    segment_key,
    traveller_key,
    starts_at,
    ends_at
from pieces
where
    ends_at > starts_at
    and case when is_dated then first_event = 'arrival' or last_event = 'departure' else first_event <> 'departure' end
union all
select
    s.segment_key,
    s.traveller_key,
    s.starts_at,
    s.ends_at
from segments as s
left join clipped as c on s.segment_key = c.segment_key
where c.segment_key is null
