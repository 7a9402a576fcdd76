-- title: movements that one feed cancelled and another still holds; they count until both agree (S2, S3)
-- severity: warning
with movements as (
    select
        s.segment_key,
        s.trip_key,
        s.traveller_key,
        s.starts_date,
        s.segment_status,
        concat(s.carrier_code, s.service_number) as flight,
        f.area_id as from_area,
        d.area_id as to_area
    from core.segment as s
    inner join core.place as d on s.to_place_key = d.place_key
    left join core.place as f on s.from_place_key = f.place_key
    where s.segment_kind = 'movement'
)

select distinct c.segment_key
from movements as c
inner join movements as a
    on c.traveller_key = a.traveller_key and c.starts_date = a.starts_date and c.to_area = a.to_area
where
    c.segment_status = 'cancelled' and a.segment_status <> 'cancelled' and c.trip_key <> a.trip_key
    and (c.flight = a.flight or c.from_area = a.from_area)
