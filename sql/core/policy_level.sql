-- Grain: trip that policy judges x moment (registration, departure, and the trip itself).
-- Rules: C1 (the rating in force at the decisive instant, and the highest over the trip), R4 (a level that is not known
-- is never read as low: has_unknown_level). The level of a trip is the highest of its destinations; happens_at is the
-- instant compared: the moment itself, or the first at which the trip's highest level held, and evacuation_at the first
-- at which its gravest evacuation status did: one may rise without the other.
-- A trip abroad without any destination is one whose level is not known. Who registers after leaving is judged by the
-- instant of departure, and so is a trip that nobody registered. Of a departure in dates that is the end of its day,
-- until which a registration is in time as well.
with trips as (
    select
        t.trip_key,
        t.is_international,
        coalesce(t.departs_by_at, t.registered_at, a.as_of) as departure_at,
        coalesce(least(t.registered_at, t.departs_by_at), t.departs_by_at, a.as_of) as registration_at
    from core.policy_person as t
    cross join reference.parameter as a
),

moments as (
    select
        trip_key,
        is_international,
        'registration' as moment,
        registration_at as happens_at
    from trips
    union all
    select
        trip_key,
        is_international,
        'departure' as moment,
        departure_at as happens_at
    from trips
    union all
    select
        trip_key,
        is_international,
        'trip' as moment,
        departure_at as happens_at
    from trips
),

-- Distinct here, and not before: ratings joined to moments by time alone would be hundreds of rows a moment.
asked as (
    select distinct
        m.trip_key,
        m.moment,
        m.happens_at,
        s.zone_key
    from moments as m
    inner join core.policy_stop as s on m.trip_key = s.trip_key
    where m.moment <> 'trip'
),

in_force as (
    select
        a.trip_key,
        a.moment,
        a.happens_at,
        a.zone_key,
        r.risk_level,
        r.evacuation_rank,
        r.rating_id,
        r.evacuation_rating_id
    from asked as a
    inner join core.policy_rating as r
        on a.zone_key = r.zone_key and a.happens_at >= r.starts_at and a.happens_at < r.ends_at
    union all
    select
        s.trip_key,
        'trip' as moment,
        greatest(s.starts_at, r.starts_at) as happens_at,
        s.zone_key,
        r.risk_level,
        r.evacuation_rank,
        r.rating_id,
        r.evacuation_rating_id
    from core.policy_stop as s
    inner join core.policy_rating as r
        on s.zone_key = r.zone_key and s.starts_at < r.ends_at and s.ends_at > r.starts_at
),

-- The choice as one number: its largest value is the highest level, then the earliest instant, then the lowest rating:
-- microseconds since 1970 have at most 17 digits, rating numbers at most 10.
choices as (
    select
        trip_key,
        moment,
        risk_level,
        evacuation_rank,
        risk_level * 100000000000000000 - epoch_us(happens_at) as level_instant,
        coalesce(rating_id, 0) as rating_id,
        case when evacuation_rank >= 1 then evacuation_rank * 100000000000000000 - epoch_us(happens_at) end
            as evacuation_instant,
        coalesce(evacuation_rating_id, 0) as evacuation_rating_id
    from in_force
),

highest as (
    select
        trip_key,
        moment,
        max(risk_level) as risk_level,
        bool_or(risk_level is null) as has_unknown_level,
        max(evacuation_rank) as evacuation_rank,
        max(level_instant) as level_instant,
        max(cast(level_instant as decimal(38, 0)) * 10000000000 - rating_id) as level_choice,
        max(evacuation_instant) as evacuation_instant,
        max(cast(evacuation_instant as decimal(38, 0)) * 10000000000 - evacuation_rating_id) as evacuation_choice
    from choices
    group by trip_key, moment
),

unknown_places as (
    select distinct trip_key
    from core.policy_stop
    where zone_key is null
)

select
    m.trip_key,
    m.moment,
    coalesce(make_timestamp(h.risk_level * 100000000000000000 - h.level_instant), m.happens_at) as happens_at,
    coalesce(make_timestamp(h.evacuation_rank * 100000000000000000 - h.evacuation_instant), m.happens_at)
        as evacuation_at,
    h.risk_level,
    coalesce(h.has_unknown_level, m.is_international) or u.trip_key is not null as has_unknown_level,
    case h.evacuation_rank
        when 3 then 'evacuate_full' when 2 then 'evacuate_nonessential' when 1 then 'standby' when 0 then 'none'
    end as evacuation_status,
    nullif(cast(cast(h.level_instant as decimal(38, 0)) * 10000000000 - h.level_choice as bigint), 0) as rating_id,
    nullif(cast(cast(h.evacuation_instant as decimal(38, 0)) * 10000000000 - h.evacuation_choice as bigint), 0)
        as evacuation_rating_id
from moments as m
left join highest as h on m.trip_key = h.trip_key and m.moment = h.moment
left join unknown_places as u on m.trip_key = u.trip_key
