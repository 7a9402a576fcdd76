-- Grain: segment of a movement that counts, with the movement (one fact) it belongs to.
-- Rules: S2 (cancelled does not count), S3 (same traveller, carrier, number and local departure date, or same route
-- and date, is one fact).
-- A number flown to two places on one day is two legs, so the area of arrival is part of the fact.
with segments as (
    select
        s.segment_key,
        s.traveller_key,
        s.starts_date,
        s.from_place_key,
        s.to_place_key,
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

routed as (
    select
        segment_key,
        traveller_key,
        starts_date,
        to_area,
        coalesce(
            min(flight) over (partition by traveller_key, starts_date, from_area, to_area),
            from_area
        ) as service
    from segments
)

select
    segment_key,
    min(segment_key) over (partition by traveller_key, starts_date, to_area, service) as movement_key
from routed
