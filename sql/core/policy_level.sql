-- Grain: trip that policy judges x moment (registration, departure, and the trip itself).
-- Rules: C1 (the rating in force at the decisive instant, and the highest over the trip), R4 (a level that is not known
-- is never read as low: has_unknown_level). The level of a trip is the highest of its destinations; happens_at is the
-- instant compared: the moment itself, or the first at which the trip's highest level held.
-- A trip abroad without any destination is one whose level is not known. Who registers after leaving is judged by the
-- instant of departure, and so is a trip that nobody registered.
with trips as (
    select
        t.trip_key,
        t.is_international,
        coalesce(t.departs_at, t.registered_at, a.as_of) as departure_at,
        coalesce(least(t.registered_at, t.departs_at), t.departs_at, a.as_of) as registration_at
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

stops as (
    select * from core.policy_stop
),

destinations as (
    select distinct
        trip_key,
        zone_key
    from stops
),

ratings as (
    select * from core.policy_rating
),

in_force as (
    select
        m.trip_key,
        m.moment,
        m.happens_at,
        d.zone_key,
        r.risk_level,
        r.evacuation_rank,
        r.rating_id,
        r.evacuation_rating_id
    from moments as m
    inner join destinations as d on m.trip_key = d.trip_key
    inner join ratings as r
        on d.zone_key = r.zone_key and m.happens_at >= r.starts_at and m.happens_at < r.ends_at
    where m.moment <> 'trip'
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
    from stops as s
    inner join ratings as r
        on s.zone_key = r.zone_key and s.starts_at < r.ends_at and s.ends_at > r.starts_at
),

highest as (
    select
        trip_key,
        moment,
        max(risk_level) as risk_level,
        bool_or(risk_level is null) as has_unknown_level,
        max(evacuation_rank) as evacuation_rank,
        max(
            case
                when risk_level is not null
                    then struct_pack(
                        risk_level := risk_level,
                        negative_us := -epoch_us(happens_at),
                        negative_id := -coalesce(rating_id, 0)
                    )
            end
        ) as level_choice,
        max(
            case
                when evacuation_rank >= 1
                    then struct_pack(
                        evacuation_rank := evacuation_rank,
                        negative_us := -epoch_us(happens_at),
                        negative_id := -coalesce(evacuation_rating_id, 0)
                    )
            end
        ) as evacuation_choice
    from in_force
    group by trip_key, moment
),

unknown_places as (
    select distinct trip_key
    from destinations
    where zone_key is null
)

select
    m.trip_key,
    m.moment,
    coalesce(make_timestamp(-struct_extract(h.level_choice, 'negative_us')), m.happens_at) as happens_at,
    h.risk_level,
    coalesce(h.has_unknown_level, m.is_international) or u.trip_key is not null as has_unknown_level,
    case h.evacuation_rank
        when 3 then 'evacuate_full' when 2 then 'evacuate_nonessential' when 1 then 'standby' when 0 then 'none'
    end as evacuation_status,
    nullif(-struct_extract(h.level_choice, 'negative_id'), 0) as rating_id,
    nullif(-struct_extract(h.evacuation_choice, 'negative_id'), 0) as evacuation_rating_id
from moments as m
left join highest as h on m.trip_key = h.trip_key and m.moment = h.moment
left join unknown_places as u on m.trip_key = u.trip_key
