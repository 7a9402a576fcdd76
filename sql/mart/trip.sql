-- Grain: trip.
-- Rules: S2, S3, F1 (is_incomplete), A1 (a journey that is registered as another trip), section 9.
-- Trips that a rejected record belongs to come first: each question counts them, and reads no other trip for it.
select
    t.trip_id,
    p.traveller_id,
    t.source,
    t.trip_status,
    t.registered_at,
    c.registered_trip_id,
    t.updated_at,
    t.starts_at,
    t.ends_at,
    t.channel,
    t.purpose,
    t.travels_with_students,
    t.group_id,
    t.is_international,
    t.is_incomplete,
    t.has_booking,
    t.has_expense
from core.trip as t
inner join core.pseudonym as p on t.traveller_key = p.traveller_key
left join core.covered_trip as c on t.trip_key = c.trip_key
order by t.is_incomplete desc, t.trip_key asc
