-- Grain: arrival of a movement, with the departure that follows it and what the two say of the time between.
-- Rules: S4 (until the next departure), S5 (a departure from elsewhere), S6 (short stops), S7 (no onward departure).
-- A confirmed arrival waits for a confirmed departure; a possible one (waiting list, tentative) for any. Which
-- record came first decides nothing.
with travellers as (
    select
        traveller_key,
        home_country_code
    from core.traveller
),

places as (
    select
        place_key,
        precision,
        country_code,
        region_code
    from core.place
),

links as (
    select
        trip_key,
        main_trip_key
    from core.trip_link
),

events as (
    select
        movement_key,
        traveller_key,
        starts_at as happens_at,
        true as is_departure,
        is_confirmed
    from core.movement
    where from_place_key is not null
    union all
    select
        movement_key,
        traveller_key,
        ends_at as happens_at,
        false as is_departure,
        is_confirmed
    from core.movement
),

ordered as (
    select
        movement_key,
        traveller_key,
        happens_at,
        is_departure,
        is_confirmed,
        min(case when is_departure then happens_at end) over following as next_departs_at,
        min(case when is_departure and is_confirmed then happens_at end) over following as next_confirmed_departs_at
    from events
    window following as (
        partition by traveller_key
        order by happens_at, is_departure, movement_key
        rows between 1 following and unbounded following
    )
),

arrivals as (
    select
        movement_key,
        case when is_confirmed then next_confirmed_departs_at else next_departs_at end as next_departs_at
    from ordered
    where not is_departure
),

declared as (
    select
        l.main_trip_key,
        max(s.ends_at) as declared_ends_at
    from core.segment as s
    inner join links as l on s.trip_key = l.trip_key
    where s.segment_kind in ('lodging', 'presence') and s.source <> 'expense' and s.segment_status <> 'cancelled'
    group by l.main_trip_key
),

-- Departures of one minute contradict each other: a confirmed one decides, then one from the place of arrival itself.
departures as (
    select
        m.movement_key,
        n.movement_key as next_movement_key,
        n.from_place_key,
        n.is_confirmed,
        case
            when r.place_key is not null then 'same'
            when p.precision = 'country' and p.country_code = q.country_code then 'same'
            when q.precision = 'country' and p.country_code = q.country_code then 'same'
            when p.precision = 'region' and p.region_code = q.region_code then 'same'
            when q.precision = 'region' and p.region_code = q.region_code then 'same'
            else 'elsewhere'
        end as next_departure
    from core.movement as m
    inner join arrivals as a on m.movement_key = a.movement_key
    inner join core.movement as n on m.traveller_key = n.traveller_key and a.next_departs_at = n.starts_at
    inner join places as p on m.to_place_key = p.place_key
    inner join places as q on n.from_place_key = q.place_key
    left join core.place_near as r on m.to_place_key = r.place_key and n.from_place_key = r.other_place_key
),

chosen as (
    select
        movement_key,
        next_movement_key,
        next_departure,
        row_number() over (
            partition by movement_key
            order by
                case when is_confirmed then 0 else 1 end,
                case next_departure when 'same' then 0 else 1 end,
                from_place_key,
                next_movement_key
        ) as choice
    from departures
)

select
    m.movement_key,
    m.trip_key,
    m.traveller_key,
    m.to_place_key as place_key,
    m.is_to_guessed as is_guessed,
    m.to_candidate_count,
    m.segment_key,
    m.ends_at as starts_at,
    m.is_confirmed,
    m.segment_keys,
    a.next_departs_at,
    d.declared_ends_at,
    n.from_place_key as next_place_key,
    n.is_from_guessed as is_next_guessed,
    n.trip_key as next_trip_key,
    n.segment_keys as next_segment_keys,
    coalesce(p.country_code = t.home_country_code, false) as is_home,
    coalesce(q.country_code = t.home_country_code, false) as is_next_home,
    coalesce(c.next_departure, 'none') as next_departure
from core.movement as m
inner join arrivals as a on m.movement_key = a.movement_key
inner join travellers as t on m.traveller_key = t.traveller_key
inner join places as p on m.to_place_key = p.place_key
left join chosen as c on m.movement_key = c.movement_key and c.choice = 1
left join core.movement as n on c.next_movement_key = n.movement_key
left join places as q on n.from_place_key = q.place_key
left join links as l on m.trip_key = l.trip_key
left join declared as d on l.main_trip_key = d.main_trip_key and d.declared_ends_at > m.ends_at
