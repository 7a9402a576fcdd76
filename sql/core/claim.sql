-- Grain: one statement that a traveller is at a place for an interval, before statements are weighed (stay_piece);
-- records that say the very same are one statement.
-- Rules: S4 (stops), S5 (gaps: both places; 24 hours before a first known departure), S6 (transit), S7 (open ends),
-- S8 (en route), P4 (each candidate place of a text).
-- precedence: 1 en route and transit, which others give way to; 2 candidates; 3 home, which gives way to all. Only what
-- is confirmed takes the others' place: a stop on a waiting list may never be made and is a candidate among them.
-- certainty: 5 in transit, 4 confirmed or en route, 3 likely, 2 overdue, 1 possible, so that of two claims of one place
-- and precedence one speaks for the traveller. Open ends stay in year 9999 until the stay is made.
with parameter as (
    select
        as_of,
        to_seconds(cast(transit_hours * 3600 as bigint)) as transit_time,
        to_days(open_ended_days) as open_time
    from reference.parameter
),

home as (
    select
        t.traveller_key,
        p.place_key
    from core.traveller as t
    inner join core.place as p on t.home_country_code = p.country_code
),

lodged_stop as (
    select distinct
        s.movement_key
    from core.stop as s
    cross join parameter as a
    inner join core.segment as g on s.traveller_key = g.traveller_key
    inner join core.place_near as n on s.place_key = n.place_key and g.to_place_key = n.other_place_key
    where
        g.segment_kind in ('lodging', 'presence') and g.source <> 'expense' and g.segment_status <> 'cancelled'
        and s.next_departs_at - s.starts_at < a.transit_time
        and g.starts_at < s.next_departs_at and (g.ends_at is null or g.ends_at > s.starts_at)
),

stop_kind as (
    select
        s.*,
        s.next_departure = 'same' and l.movement_key is null and s.next_departs_at - s.starts_at < a.transit_time
            as is_transit,
        case
            when s.next_departure = 'same' then s.next_departs_at
            when s.next_departure = 'elsewhere' and s.is_home and not s.is_next_home
                then greatest(s.starts_at, s.next_departs_at - interval 24 hour)
            when s.next_departure = 'elsewhere' and (s.is_home or not s.is_next_home) then s.next_departs_at
            when s.is_home then timestamp '9999-01-01 00:00:00'
            when s.declared_ends_at is not null
                then least(s.declared_ends_at, coalesce(s.next_departs_at, s.declared_ends_at))
        end as known_ends_at,
        coalesce(s.next_departs_at, timestamp '9999-01-01 00:00:00') as last_ends_at
    from core.stop as s
    cross join parameter as a
    left join lodged_stop as l on s.movement_key = l.movement_key
),

stop_candidate as (
    select
        movement_key,
        place_key
    from stop_kind
    union
    select
        s.movement_key,
        c.place_key
    from stop_kind as s
    inner join core.segment_candidate as c on s.segment_key = c.segment_key
    where s.to_candidate_count > 1
),

stop_claim as (
    select
        k.traveller_key,
        c.place_key,
        k.starts_at,
        k.known_ends_at as ends_at,
        case when k.is_transit and k.is_confirmed then 1 else 2 end as precedence,
        case when not k.is_confirmed then 'possible' when k.is_transit then 'transit' else 'likely' end as presence,
        k.trip_key,
        k.is_guessed,
        case
            when k.next_departure = 'same' then list_concat(k.segment_keys, k.next_segment_keys) else k.segment_keys
        end
            as segment_keys
    from stop_kind as k
    inner join stop_candidate as c on k.movement_key = c.movement_key
    where k.known_ends_at > k.starts_at
    union all
    select
        k.traveller_key,
        c.place_key,
        k.starts_at,
        case
            when k.starts_at + a.open_time <= a.as_of then least(k.starts_at + a.open_time, k.last_ends_at)
            else k.last_ends_at
        end as ends_at,
        2 as precedence,
        case when k.is_confirmed then 'likely' else 'possible' end as presence,
        k.trip_key,
        k.is_guessed,
        k.segment_keys
    from stop_kind as k
    cross join parameter as a
    inner join stop_candidate as c on k.movement_key = c.movement_key
    where k.known_ends_at is null
    union all
    select
        k.traveller_key,
        c.place_key,
        k.starts_at + a.open_time as starts_at,
        k.last_ends_at as ends_at,
        2 as precedence,
        'overdue' as presence,
        k.trip_key,
        k.is_guessed,
        k.segment_keys
    from stop_kind as k
    cross join parameter as a
    inner join stop_candidate as c on k.movement_key = c.movement_key
    where
        k.known_ends_at is null and k.starts_at + a.open_time <= a.as_of and k.starts_at + a.open_time < k.last_ends_at
),

gap_claim as (
    select
        traveller_key,
        next_place_key as place_key,
        case when is_home then greatest(starts_at, next_departs_at - interval 24 hour) else starts_at end as starts_at,
        next_departs_at as ends_at,
        2 as precedence,
        case when is_home then 'possible' else 'likely' end as presence,
        next_trip_key as trip_key,
        is_next_guessed as is_guessed,
        next_segment_keys as segment_keys
    from core.stop
    where next_departure = 'elsewhere' and not is_next_home
),

first_departure as (
    select
        m.traveller_key,
        min(m.starts_at) as starts_at
    from core.movement as m
    where m.from_place_key is not null
    group by m.traveller_key
),

first_arrival as (
    select
        traveller_key,
        min(ends_at) as ends_at
    from core.movement
    group by traveller_key
),

before_claim as (
    select
        m.traveller_key,
        m.from_place_key as place_key,
        m.starts_at - interval 24 hour as starts_at,
        m.starts_at as ends_at,
        2 as precedence,
        'possible' as presence,
        m.trip_key,
        m.is_from_guessed as is_guessed,
        m.segment_keys
    from core.movement as m
    inner join first_departure as d on m.traveller_key = d.traveller_key and m.starts_at = d.starts_at
    inner join first_arrival as a on m.traveller_key = a.traveller_key and m.starts_at < a.ends_at
    left join home as h on m.traveller_key = h.traveller_key and m.from_place_key = h.place_key
    where h.place_key is null
),

route_claim as (
    select
        traveller_key,
        to_place_key as place_key,
        starts_at,
        ends_at,
        case when is_confirmed then 1 else 2 end as precedence,
        case when is_confirmed then 'en_route' else 'possible' end as presence,
        trip_key,
        is_to_guessed as is_guessed,
        segment_keys
    from core.movement
),

segment_place as (
    select
        segment_key,
        to_place_key as place_key
    from core.segment
    where segment_kind in ('lodging', 'presence')
    union
    select
        segment_key,
        place_key
    from core.segment_candidate
),

-- An evidence without an end is closed by the next departure, as an arrival is.
open_interval as (
    select
        i.segment_key,
        i.starts_at,
        min(m.starts_at) as next_departs_at
    from core.dated_interval as i
    inner join core.segment as s on i.segment_key = s.segment_key
    left join core.movement as m
        on
            s.traveller_key = m.traveller_key and m.starts_at > i.starts_at and m.is_confirmed
            and m.from_place_key is not null
    where i.ends_at = timestamp '9999-01-01 00:00:00'
    group by i.segment_key, i.starts_at
),

evidence_interval as (
    select
        i.segment_key,
        i.starts_at,
        i.ends_at,
        false as is_overdue
    from core.dated_interval as i
    where i.ends_at < timestamp '9999-01-01 00:00:00'
    union all
    select
        i.segment_key,
        i.starts_at,
        least(
            coalesce(i.next_departs_at, timestamp '9999-01-01 00:00:00'),
            case
                when i.starts_at + a.open_time <= a.as_of then i.starts_at + a.open_time
                else timestamp '9999-01-01 00:00:00'
            end
        ) as ends_at,
        false as is_overdue
    from open_interval as i
    cross join parameter as a
    union all
    select
        i.segment_key,
        i.starts_at + a.open_time as starts_at,
        coalesce(i.next_departs_at, timestamp '9999-01-01 00:00:00') as ends_at,
        true as is_overdue
    from open_interval as i
    cross join parameter as a
    where i.starts_at + a.open_time <= a.as_of
),

evidence_claim as (
    select
        s.traveller_key,
        p.place_key,
        i.starts_at,
        i.ends_at,
        case
            when s.segment_status = 'possible' then 'possible'
            when i.is_overdue then 'overdue'
            when s.source = 'expense' then 'likely'
            else 'confirmed'
        end as presence,
        s.trip_key,
        s.to_place_status = 'fuzzy' as is_guessed,
        s.segment_key
    from evidence_interval as i
    inner join core.segment as s on i.segment_key = s.segment_key
    inner join segment_place as p on s.segment_key = p.segment_key
),

whole_day_claim as (
    select
        s.traveller_key,
        k.place_key,
        greatest(k.starts_at, s.first_day_at) as starts_at,
        least(k.known_ends_at, s.last_day_ends_at) as ends_at,
        'confirmed' as presence,
        s.trip_key,
        k.is_guessed,
        s.segment_key
    from stop_kind as k
    inner join core.segment as s on k.traveller_key = s.traveller_key
    inner join core.place_near as n on k.place_key = n.place_key and s.to_place_key = n.other_place_key
    where
        s.segment_kind = 'lodging' and s.segment_status = 'confirmed'
        and k.next_departure = 'same' and k.is_confirmed and not k.is_transit
        and greatest(k.starts_at, s.first_day_at) < least(k.known_ends_at, s.last_day_ends_at)
),

-- A hotel that a booking and a registration name is one statement with two records behind it.
said_claim as (
    select
        traveller_key,
        place_key,
        starts_at,
        ends_at,
        2 as precedence,
        presence,
        max(trip_key) as trip_key,
        bool_and(is_guessed) as is_guessed,
        list_sort(list(segment_key)) as segment_keys
    from (
        select * from evidence_claim
        union all
        select * from whole_day_claim
    ) as said
    group by traveller_key, place_key, starts_at, ends_at, presence
),

claims as (
    select * from stop_claim
    union all
    select * from gap_claim
    union all
    select * from before_claim
    union all
    select * from route_claim
    union all
    select * from said_claim
)

select
    c.traveller_key,
    c.place_key,
    c.starts_at,
    c.ends_at,
    case when c.precedence = 2 and h.place_key is not null then 3 else c.precedence end as precedence,
    case when h.place_key is not null and c.presence = 'overdue' then 'likely' else c.presence end as presence,
    case c.presence when 'transit' then 5 when 'likely' then 3 when 'overdue' then 2 when 'possible' then 1 else 4 end
        as certainty,
    h.place_key is not null as is_home,
    l.main_trip_key as trip_key,
    c.is_guessed,
    c.segment_keys
from claims as c
inner join core.trip_link as l on c.trip_key = l.trip_key
left join home as h on c.traveller_key = h.traveller_key and c.place_key = h.place_key
where c.ends_at > c.starts_at
