-- Grain: trip that policy judges, with every fact that rules compare.
-- Rules: C1, C2, S2. All that policy_case reads of a trip, so that another policy can be tried on published facts.
select
    t.trip_key,
    t.trip_id,
    t.traveller_key,
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
    t.returns_date,
    t.registered_trip_id,
    r.happens_at as registration_judged_at,
    r.risk_level as registration_level,
    r.has_unknown_level as registration_has_unknown,
    r.evacuation_status as registration_evacuation,
    r.rating_id as registration_rating_id,
    r.evacuation_rating_id as registration_evacuation_rating_id,
    d.happens_at as departure_judged_at,
    d.risk_level as departure_level,
    d.has_unknown_level as departure_has_unknown,
    d.evacuation_status as departure_evacuation,
    d.rating_id as departure_rating_id,
    d.evacuation_rating_id as departure_evacuation_rating_id,
    h.happens_at as highest_at,
    h.evacuation_at as highest_evacuation_at,
    h.risk_level as highest_level,
    h.has_unknown_level as highest_has_unknown,
    h.evacuation_status as highest_evacuation,
    h.rating_id as highest_rating_id,
    h.evacuation_rating_id as highest_evacuation_rating_id
from core.policy_person as t
inner join core.policy_level as r on t.trip_key = r.trip_key and r.moment = 'registration'
inner join core.policy_level as d on t.trip_key = d.trip_key and d.moment = 'departure'
inner join core.policy_level as h on t.trip_key = h.trip_key and h.moment = 'trip'
