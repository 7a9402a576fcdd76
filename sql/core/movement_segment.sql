-- Grain: segment of a movement that counts, with the movement (one fact) it belongs to.
-- Rules: S2 (cancelled does not count), S3 (one fact: same traveller, carrier, number and local departure date).
-- Told of one route, two segments are also one movement where they depart within three hours (codeshares, re-timings,
-- midnight between them or not), where they bear one number within half a day, or where one knows only the date. A
-- number flown to two areas on one day is two legs, so the area of arrival is part of the fact.
with segments as (
    select
        s.segment_key,
        s.traveller_key,
        s.starts_date,
        s.starts_at,
        s.starts_has_time,
        case
            when s.carrier_code is not null and s.service_number <> '' then concat(s.carrier_code, s.service_number)
        end
            as flight,
        coalesce(f.area_id, f.place_id, '') as from_area,
        coalesce(d.area_id, d.place_id) as to_area
    from core.segment as s
    inner join core.place as d on s.to_place_key = d.place_key
    left join core.place as f on s.from_place_key = f.place_key
    where s.segment_kind = 'movement' and s.segment_status <> 'cancelled' and s.starts_at is not null
),

facts as (
    select
        traveller_key,
        to_area,
        min(from_area) as from_area,
        flight,
        starts_date,
        coalesce(flight, from_area) as service,
        min(segment_key) as fact_key,
        bool_or(starts_has_time) as has_time,
        coalesce(min(case when starts_has_time then starts_at end), min(starts_at)) as starts_at
    from segments
    group by traveller_key, to_area, flight, starts_date, coalesce(flight, from_area)
),

followed as (
    select
        *,
        lag(starts_at) over route as before_at,
        lag(starts_date) over route as before_date,
        lag(has_time) over route as before_has_time,
        lag(flight) over route as before_flight
    from facts
    window route as (
        partition by traveller_key, from_area, to_area
        order by starts_at, fact_key
    )
),

joined as (
    select
        *,
        case
            when before_at is null then 1
            when has_time and before_has_time and starts_at <= before_at + interval 3 hour then 0
            when
                has_time and before_has_time and flight = before_flight and starts_at <= before_at + interval 12 hour
                then 0
            when not (has_time and before_has_time) and starts_date = before_date then 0
            else 1
        end as is_new
    from followed
),

numbered as (
    select
        *,
        sum(is_new) over (
            partition by traveller_key, from_area, to_area
            order by starts_at, fact_key
            rows between unbounded preceding and current row
        ) as movement_number
    from joined
),

movements as (
    select
        traveller_key,
        to_area,
        service,
        starts_date,
        min(fact_key) over (partition by traveller_key, from_area, to_area, movement_number) as movement_key
    from numbered
)

select
    s.segment_key,
    s.traveller_key,
    m.movement_key
from segments as s
inner join movements as m
    on
        s.traveller_key = m.traveller_key and s.to_area = m.to_area and s.starts_date = m.starts_date
        and coalesce(s.flight, s.from_area) = m.service
