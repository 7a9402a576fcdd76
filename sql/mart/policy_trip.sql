-- Grain: trip that policy judges, with every fact that rules compare.
-- Rules: C1, C2, S2. Published so that another policy can be tried on the same trips (muster policy what-if).
select
    t.trip_id,
    p.traveller_id,
    t.affiliation,
    t.is_registered,
    t.registered_at,
    t.has_university_email,
    t.travels_with_students,
    t.group_id,
    t.group_size,
    t.is_international,
    t.is_agency_booked,
    t.departs_at,
    t.departs_date,
    t.departs_has_time,
    t.departs_timezone,
    t.registration_judged_at,
    t.registration_level,
    t.registration_has_unknown,
    t.registration_evacuation,
    t.registration_rating_id,
    t.registration_evacuation_rating_id,
    t.departure_judged_at,
    t.departure_level,
    t.departure_has_unknown,
    t.departure_evacuation,
    t.departure_rating_id,
    t.departure_evacuation_rating_id,
    t.highest_at,
    t.highest_level,
    t.highest_has_unknown,
    t.highest_evacuation,
    t.highest_rating_id,
    t.highest_evacuation_rating_id
from core.policy_trip as t
inner join core.pseudonym as p on t.traveller_key = p.traveller_key
order by t.trip_key
