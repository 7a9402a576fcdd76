-- Grain: segment, with its traveller, its places and its instants in UTC.
-- Rules: S1 (local time to UTC, dates to instants), S2 (status), P4 (a text of several places keeps their number).
-- A movement of which one end alone has a time, and the other is not told at all, takes the usual time of its way,
-- from instant to instant: flights 800 km/h and an hour, ships 30 km/h, all else 100 km/h; 12 hours where a position is
-- not known. A movement in dates alone is put at noon; a lodging runs from noon to noon; a presence from 00:00 to
-- 24:00, and presences of one trip that share a boundary date meet at its noon. A segment without any time keeps NULLs
-- and is found by a check. zone_transition claims ambiguous and nonexistent local times for the offset before the
-- change.
with identity as (
    select
        identity_text,
        identity_key
    from core.identity
),

travellers as (
    select
        identity_key,
        traveller_key
    from core.traveller
),

trips as (
    select
        source,
        trip_ref,
        traveller_key,
        trip_key
    from core.trip_reference
),

places as (
    select
        place_key,
        place_id,
        timezone,
        latitude,
        longitude
    from core.place
),

matched as (
    select
        m.place_text,
        m.text_kind,
        coalesce(m.country_hint, '') as country_hint,
        coalesce(m.region_hint, '') as region_hint,
        m.candidate_count,
        m.place_status,
        p.place_key,
        p.timezone,
        p.latitude,
        p.longitude
    from core.place_match as m
    inner join places as p on m.place_id = p.place_id
    where m.candidate_number = 1
),

placed as (
    select
        s.segment_key,
        r.trip_key,
        t.traveller_key,
        s.source,
        s.segment_kind,
        s.segment_type,
        s.segment_status,
        s.segment_number,
        s.carrier_code,
        s.service_number,
        s.property_name,
        s.updated_at,
        f.place_key as from_place_key,
        f.place_status as from_place_status,
        coalesce(f.timezone, d.timezone) as from_timezone,
        d.place_key as to_place_key,
        d.place_status as to_place_status,
        d.candidate_count as to_candidate_count,
        d.timezone as to_timezone,
        s.starts_has_time,
        s.ends_has_time,
        coalesce(s.starts_local, s.ends_local) as starts_local,
        case when s.segment_kind = 'movement' then coalesce(s.ends_local, s.starts_local) else s.ends_local end
            as ends_local,
        s.starts_local is not null as has_start,
        s.ends_local is not null as has_end,
        coalesce(
            s.segment_kind = 'movement'
            and (
                (s.starts_local is not null and s.starts_has_time and s.ends_local is null)
                or (s.ends_local is not null and s.ends_has_time and s.starts_local is null)
            ),
            false
        ) as is_time_estimated,
        f.latitude as from_latitude,
        f.longitude as from_longitude,
        d.latitude as to_latitude,
        d.longitude as to_longitude
    from stage.segment as s
    inner join identity as i on s.identity_text = i.identity_text
    inner join travellers as t on i.identity_key = t.identity_key
    inner join trips as r on s.source = r.source and s.trip_ref = r.trip_ref and t.traveller_key = r.traveller_key
    inner join matched as d
        on
            coalesce(s.to_text, '') = coalesce(d.place_text, '')
            and s.to_kind = d.text_kind
            and coalesce(s.to_country_hint, '') = d.country_hint
            and coalesce(s.to_region_hint, '') = d.region_hint
    left join matched as f
        on
            s.segment_kind = 'movement'
            and coalesce(s.from_text, '') = coalesce(f.place_text, '')
            and s.from_kind = f.text_kind
            and coalesce(s.from_country_hint, '') = f.country_hint
            and f.region_hint = ''
),

boundary as (
    select
        trip_key,
        cast(starts_local as date) as boundary_date,
        'start' as side,
        min(to_place_key) as first_place_key,
        max(to_place_key) as last_place_key
    from placed
    where
        segment_kind = 'presence' and source = 'registration' and not starts_has_time
        and cast(ends_local as date) > cast(starts_local as date)
    group by trip_key, cast(starts_local as date)
    union all
    select
        trip_key,
        cast(ends_local as date) as boundary_date,
        'end' as side,
        min(to_place_key) as first_place_key,
        max(to_place_key) as last_place_key
    from placed
    where
        segment_kind = 'presence' and source = 'registration' and not ends_has_time
        and cast(ends_local as date) > cast(starts_local as date)
    group by trip_key, cast(ends_local as date)
),

dated as (
    select
        p.*,
        b.trip_key is not null as meets_before,
        a.trip_key is not null as meets_after
    from placed as p
    left join boundary as b
        on
            p.segment_kind = 'presence' and p.source = 'registration' and b.side = 'end'
            and p.trip_key = b.trip_key and cast(p.starts_local as date) = b.boundary_date
            and cast(p.ends_local as date) > cast(p.starts_local as date)
            and (b.first_place_key <> p.to_place_key or b.last_place_key <> p.to_place_key)
    left join boundary as a
        on
            p.segment_kind = 'presence' and p.source = 'registration' and a.side = 'start'
            and p.trip_key = a.trip_key and cast(p.ends_local as date) = a.boundary_date
            and cast(p.ends_local as date) > cast(p.starts_local as date)
            and (a.first_place_key <> p.to_place_key or a.last_place_key <> p.to_place_key)
),

local_times as (
    select
        *,
        case
            when starts_has_time and has_start then starts_local
            when segment_kind = 'presence' and not meets_before then starts_local
            else starts_local + interval 12 hour
        end as starts_wall,
        case
            when ends_has_time and has_end then ends_local
            when segment_kind = 'presence' and not meets_after then ends_local + interval 24 hour
            else ends_local + interval 12 hour
        end as ends_wall
    from dated
),

distance as (
    select
        segment_key,
        segment_type,
        case
            when from_latitude is not null and to_latitude is not null
                then
                    2 * 6371 * asin(
                        least(
                            1.0,
                            sqrt(
                                pow(sin(radians(to_latitude - from_latitude) / 2), 2)
                                + cos(radians(from_latitude)) * cos(radians(to_latitude))
                                * pow(sin(radians(to_longitude - from_longitude) / 2), 2)
                            )
                        )
                    )
        end as distance_km
    from placed
    where is_time_estimated
),

-- What is not told to be a flight is one where it goes too far for a day on the ground.
way as (
    select
        segment_key,
        to_seconds(
            60 * coalesce(
                cast(
                    round(
                        case
                            when segment_type in ('flight', 'air') or (segment_type is null and distance_km > 1000)
                                then 60 + distance_km / 800 * 60
                            when segment_type = 'sea' then greatest(1, distance_km / 30 * 60)
                            else greatest(1, distance_km / 100 * 60)
                        end
                    ) as bigint
                ),
                720
            )
        ) as way_time
    from distance
),

in_utc as (
    select
        l.*,
        w.way_time,
        l.starts_wall - to_seconds(coalesce(zs.utc_offset_seconds, 0)) as starts_at_given,
        l.ends_wall - to_seconds(coalesce(ze.utc_offset_seconds, 0)) as ends_at_given,
        (
            (l.starts_has_time and coalesce(l.starts_wall >= zs.flagged_from, false))
            or (l.ends_has_time and coalesce(l.ends_wall >= ze.flagged_from, false))
        ) as is_time_flagged
    from local_times as l
    left join way as w on l.segment_key = w.segment_key
    left join reference.zone_transition as zs
        on
            case when l.segment_kind = 'movement' then l.from_timezone else l.to_timezone end = zs.timezone
            and year(l.starts_wall) = zs.local_year
            and l.starts_wall >= zs.local_starts and l.starts_wall < zs.local_ends
    left join reference.zone_transition as ze
        on
            l.to_timezone = ze.timezone
            and year(l.ends_wall) = ze.local_year
            and l.ends_wall >= ze.local_starts and l.ends_wall < ze.local_ends
),

estimated as (
    select
        *,
        case when is_time_estimated and not has_start then ends_at_given - way_time else starts_at_given end
            as starts_at,
        case when is_time_estimated and not has_end then starts_at_given + way_time else ends_at_given end
            as ends_at_known
    from in_utc
)

select
    segment_key,
    trip_key,
    traveller_key,
    source,
    segment_kind,
    segment_type,
    segment_status,
    segment_number,
    from_place_key,
    from_place_status,
    to_place_key,
    to_place_status,
    to_candidate_count,
    cast(starts_local as date) as starts_date,
    cast(ends_local as date) as ends_date,
    starts_has_time,
    ends_has_time,
    starts_at,
    case
        when segment_kind = 'movement' then greatest(ends_at_known, starts_at + interval 1 minute)
        when ends_at_given <= starts_at then starts_at + interval 12 hour
        else ends_at_given
    end as ends_at,
    starts_at_given - (starts_wall - date_trunc('day', starts_wall)) as first_day_at,
    case
        when segment_kind = 'presence' then ends_at_given
        else ends_at_given + (date_trunc('day', ends_wall) + interval 24 hour - ends_wall)
    end as last_day_ends_at,
    is_time_flagged,
    is_time_estimated,
    -- Dates alone are compared as dates: their noons in two zones say nothing of what comes first.
    coalesce(
        case
            when starts_has_time and ends_has_time then ends_at_given < starts_at_given
            else cast(ends_local as date) < cast(starts_local as date)
        end,
        false
    ) as is_reversed,
    carrier_code,
    service_number,
    property_name,
    updated_at
from estimated
