-- Grain: place and local dates that one trip of one feed states on its own, apart from what other feeds say.
-- Rules: A1 (both sides of the audit are read alike), S2 (a trip that is cancelled as a whole keeps its stays,
-- flagged), S4 and S5 (from arrival to the next departure), S6 (short stops are none), P4 (candidates of one text).
-- Bookings are read on beyond the booking where it holds no onward leg: people buy single tickets. ends_date is NULL
-- where nothing says when the stay ends. left_home_at is the last departure from the home country before the stay, in
-- the same booking or registration: what shares it is one journey, which ends on came_home_date where that is known.
-- is_vague marks days of which several places are possible. Stays in the home country are left out.
-- S7: whom a booking brought to a place before as_of and nothing shows leaving is there until as_of, but for
-- open_ended_days at most. What ends it in any feed (the trip's declared end, the next departure) ends it here. Where
-- the next departure is from home and lies in the past, somebody came home unseen, and the days before are not known.
-- These days begin the day after the arrival, and are is_vague: what another stay shows for certain goes before them.
with trips as (
    select
        trip_key,
        bool_and(segment_status = 'cancelled') as is_cancelled
    from core.segment
    where starts_date is not null
    group by trip_key
),

parameter as (
    select
        as_of,
        cast(as_of as date) as as_of_date,
        open_ended_days,
        to_seconds(cast(transit_hours * 3600 as bigint)) as transit_time
    from reference.parameter
),

-- A movement that a trip tells twice counts once, as the first of its segments.
first_told as (
    select min(s.segment_key) as segment_key
    from core.segment as s
    inner join trips as t on s.trip_key = t.trip_key and (s.segment_status = 'cancelled') = t.is_cancelled
    where s.segment_kind = 'movement' and s.starts_date is not null
    group by s.trip_key, s.to_place_key, s.starts_at
),

movements as (
    select
        s.segment_key,
        s.trip_key,
        s.traveller_key,
        s.source,
        s.segment_status = 'cancelled' as is_cancelled,
        s.to_place_key,
        s.from_place_key,
        s.starts_date,
        s.ends_date,
        s.starts_at,
        s.ends_at,
        -- Legs of one date without times are in the order in which they are told: their noons depend on the zones.
        case when s.starts_has_time then s.starts_at else cast(s.starts_date as timestamp) + interval 12 hour end
            as chain_at,
        case when s.starts_has_time then s.ends_at end as chain_until_at,
        t.home_country_code,
        coalesce(f.country_code = t.home_country_code, false) as is_from_home,
        coalesce(d.country_code = t.home_country_code, false) as is_to_home
    from core.segment as s
    semi join first_told as o on s.segment_key = o.segment_key
    inner join core.traveller as t on s.traveller_key = t.traveller_key
    inner join core.place as d on s.to_place_key = d.place_key
    left join core.place as f on s.from_place_key = f.place_key
),

chained as (
    select
        *,
        lead(starts_at) over in_trip as next_starts_at,
        lead(starts_date) over in_trip as next_starts_date,
        lead(from_place_key) over in_trip as next_place_key,
        lag(segment_key) over in_trip is null as is_first,
        lead(starts_at) over in_source as later_starts_at,
        lead(starts_date) over in_source as later_starts_date,
        lead(from_place_key) over in_source as later_place_key,
        max(case when is_from_home then starts_at end) over (
            partition by trip_key
            order by chain_at, chain_until_at, segment_key
            rows between unbounded preceding and current row
        ) as left_home_at,
        min(case when is_to_home then ends_date end) over (
            partition by trip_key
            order by chain_at, chain_until_at, segment_key
            rows between current row and unbounded following
        ) as came_home_date
    from movements
    window
        in_trip as (
            partition by trip_key
            order by chain_at, chain_until_at, segment_key
        ),
        in_source as (
            partition by traveller_key, source, is_cancelled
            order by chain_at, chain_until_at, segment_key
        )
),

legs as (
    select
        c.*,
        d.country_code as to_country_code,
        n.country_code as next_country_code,
        l.country_code as later_country_code
    from chained as c
    inner join core.place as d on c.to_place_key = d.place_key
    left join core.place as n on c.next_place_key = n.place_key
    left join core.place as l on c.later_place_key = l.place_key
),

arrivals as (
    select
        c.segment_key,
        c.trip_key,
        c.source,
        c.to_place_key,
        c.from_place_key,
        c.next_place_key,
        c.starts_date,
        c.ends_date,
        c.next_starts_date,
        c.left_home_at,
        c.came_home_date,
        c.is_first,
        c.home_country_code,
        c.to_country_code,
        coalesce(
            case
                when c.next_starts_at is not null
                    then
                        c.next_starts_at - c.ends_at < a.transit_time
                        and coalesce(c.next_country_code = c.to_country_code, true)
                when c.source = 'booking'
                    then
                        c.later_starts_at - c.ends_at < a.transit_time
                        and c.later_country_code = c.to_country_code
            end,
            false
        ) as is_transit,
        case
            when c.next_starts_at is null
                then
                    case
                        when c.source = 'booking' and c.later_country_code = c.to_country_code then c.later_starts_date
                    end
            when c.next_country_code = c.home_country_code then cast(null as date)
            else c.next_starts_date
        end as until_date,
        coalesce(
            c.next_country_code <> c.to_country_code and c.next_country_code is distinct from c.home_country_code, false
        ) as is_gap
    from legs as c
    cross join parameter as a
),

stays as (
    -- Where the next departure is from the same country, or is not known.
    select
        segment_key,
        to_place_key as place_key,
        ends_date as starts_date,
        until_date as ends_date,
        left_home_at,
        came_home_date,
        false as is_vague
    from arrivals
    where not is_transit and not is_gap
    union all
    -- A gap: here on the first day, there on the last, and either of them between.
    select
        segment_key,
        to_place_key as place_key,
        ends_date as starts_date,
        ends_date,
        left_home_at,
        came_home_date,
        false as is_vague
    from arrivals
    where is_gap and not is_transit
    union all
    select
        segment_key,
        next_place_key as place_key,
        next_starts_date as starts_date,
        next_starts_date as ends_date,
        left_home_at,
        came_home_date,
        false as is_vague
    from arrivals
    where is_gap and not is_transit
    union all
    select
        segment_key,
        unnest([to_place_key, next_place_key]) as place_key,
        ends_date + 1 as starts_date,
        next_starts_date - 1 as ends_date,
        left_home_at,
        came_home_date,
        true as is_vague
    from arrivals
    where
        is_gap and not is_transit and next_starts_date - ends_date >= 2
        -- Who may still have been at home is not seen abroad; a registration is read as widely as it can be.
        and (source = 'registration' or to_country_code is distinct from home_country_code)
    union all
    -- A first leg that leaves a foreign place.
    select
        a.segment_key,
        a.from_place_key as place_key,
        a.starts_date,
        a.starts_date as ends_date,
        cast(null as timestamp) as left_home_at,
        cast(null as date) as came_home_date,
        false as is_vague
    from arrivals as a
    inner join core.place as p on a.from_place_key = p.place_key
    where a.is_first and p.country_code is distinct from a.home_country_code
    union all
    select
        s.segment_key,
        s.to_place_key as place_key,
        s.starts_date,
        s.ends_date,
        cast(null as timestamp) as left_home_at,
        cast(null as date) as came_home_date,
        s.to_candidate_count > 1 as is_vague
    from core.segment as s
    inner join trips as t on s.trip_key = t.trip_key and (s.segment_status = 'cancelled') = t.is_cancelled
    where s.segment_kind in ('lodging', 'presence') and s.starts_date is not null
    union all
    select
        s.segment_key,
        c.place_key,
        s.starts_date,
        s.ends_date,
        cast(null as timestamp) as left_home_at,
        cast(null as date) as came_home_date,
        true as is_vague
    from core.segment as s
    inner join trips as t on s.trip_key = t.trip_key and (s.segment_status = 'cancelled') = t.is_cancelled
    inner join core.segment_candidate as c on s.segment_key = c.segment_key and s.to_place_key <> c.place_key
    where s.segment_kind in ('lodging', 'presence') and s.to_candidate_count > 1 and s.starts_date is not null
),

unended as (
    select
        s.segment_key,
        s.place_key,
        s.starts_date,
        s.left_home_at,
        s.came_home_date,
        g.trip_key,
        g.traveller_key,
        g.segment_kind,
        t.home_country_code,
        g.segment_status = 'confirmed' as is_confirmed,
        p.country_code,
        case when g.segment_kind = 'movement' then coalesce(m.ends_at, g.ends_at) else g.starts_at end as since_at
    from stays as s
    inner join core.segment as g on s.segment_key = g.segment_key
    inner join core.traveller as t on g.traveller_key = t.traveller_key
    inner join core.place as p on s.place_key = p.place_key
    cross join parameter as a
    left join core.movement_segment as k on s.segment_key = k.segment_key
    left join core.movement as m on k.movement_key = m.movement_key
    left join arrivals as f on g.trip_key = f.trip_key and f.is_first
    left join core.place as o on f.from_place_key = o.place_key
    where
        s.ends_date is null and s.starts_date < a.as_of_date
        and g.source = 'booking' and g.segment_status <> 'cancelled'
        -- Whose home is not known is taken to have come back to where the booking set out from.
        and p.country_code is distinct from coalesce(t.home_country_code, o.country_code)
),

departing as (
    select
        segment_key,
        place_key,
        departs_at,
        departs_date,
        departs_place_key,
        departs_country_code
    from (
        select
            u.segment_key,
            u.place_key,
            m.starts_at as departs_at,
            g.starts_date as departs_date,
            m.from_place_key as departs_place_key,
            p.country_code as departs_country_code,
            row_number() over (
                partition by u.segment_key, u.place_key
                order by m.starts_at, m.movement_key
            ) as choice
        from unended as u
        inner join core.movement as m on u.traveller_key = m.traveller_key and u.since_at < m.starts_at
        inner join core.segment as g on m.segment_key = g.segment_key
        inner join core.place as p on m.from_place_key = p.place_key
        where m.is_confirmed or not u.is_confirmed
    ) as ranked
    where choice = 1
),

declared as (
    select
        u.trip_key,
        max(coalesce(g.ends_date, g.starts_date)) as declared_date
    from (select distinct trip_key from unended) as u
    inner join core.trip_link as l on u.trip_key = l.trip_key
    inner join core.trip_link as o on l.main_trip_key = o.main_trip_key
    inner join core.segment as g on o.trip_key = g.trip_key
    where g.segment_kind in ('lodging', 'presence') and g.source <> 'expense' and g.segment_status <> 'cancelled'
    group by u.trip_key
),

going_on as (
    select
        u.segment_key,
        u.place_key,
        -- Who next leaves from a third country may be in either meanwhile (S5).
        case
            when
                coalesce(d.departs_country_code, '')
                not in (coalesce(u.home_country_code, ''), coalesce(u.country_code, ''))
                then d.departs_place_key
        end as other_place_key,
        u.starts_date + 1 as starts_date,
        least(
            u.starts_date + a.open_ended_days,
            case
                when d.departs_at is null or d.departs_country_code = u.home_country_code then a.as_of_date
                else d.departs_date
            end,
            case
                when u.segment_kind = 'movement' and c.declared_date >= u.starts_date then c.declared_date
                else u.starts_date + a.open_ended_days
            end
        ) as ends_date,
        u.left_home_at,
        u.came_home_date
    from unended as u
    cross join parameter as a
    left join departing as d on u.segment_key = d.segment_key and u.place_key = d.place_key
    left join declared as c on u.trip_key = c.trip_key
    where not coalesce(d.departs_at <= a.as_of and d.departs_country_code = u.home_country_code, false)
),

shown as (
    select
        *,
        false as is_going_on
    from stays
    union all
    select
        segment_key,
        place_key,
        starts_date,
        ends_date,
        left_home_at,
        came_home_date,
        true as is_vague,
        true as is_going_on
    from going_on
    where starts_date <= ends_date
    union all
    select
        segment_key,
        other_place_key as place_key,
        starts_date,
        ends_date,
        left_home_at,
        came_home_date,
        true as is_vague,
        true as is_going_on
    from going_on
    where starts_date <= ends_date and other_place_key is not null
)

select
    s.segment_key,
    g.trip_key,
    g.traveller_key,
    g.source,
    -- What only shows where a leg left from, or who is there still, says nothing of how the traveller came there.
    case
        when g.segment_kind = 'movement' and (s.place_key <> g.to_place_key or s.is_going_on) then 'presence'
        else g.segment_kind
    end as segment_kind,
    g.segment_type,
    g.segment_status = 'cancelled' as is_cancelled,
    s.place_key,
    p.country_code,
    g.to_place_status = 'fuzzy' as is_guessed,
    s.starts_date,
    case when s.ends_date < s.starts_date then s.starts_date else s.ends_date end as ends_date,
    s.left_home_at,
    s.came_home_date,
    s.is_vague
from shown as s
inner join core.segment as g on s.segment_key = g.segment_key
inner join core.traveller as t on g.traveller_key = t.traveller_key
inner join core.place as p on s.place_key = p.place_key
where p.country_code is distinct from t.home_country_code or p.country_code is null
