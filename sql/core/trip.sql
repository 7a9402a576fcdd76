-- Grain: trip: a registration, or a booking or expense report that shares no segment with one.
-- Rules: S3 and section 9 (what shares a segment with a registration belongs to it), F1 (a lost segment makes a trip
-- incomplete), S2 (cancelled trips are kept and do not count; a forwarded one may have lost but one leg; an expense
-- report of which every line is personal is a personal trip).
with registrations as (
    select
        trip_id,
        min(coalesce(registered_at, received_at)) as registered_at,
        case
            when bool_or(coalesce(trip_status, 'active') = 'active') then 'active'
            when bool_or(trip_status = 'tentative') then 'tentative'
            else 'cancelled'
        end as trip_status,
        max(channel) as channel,
        max(purpose) as purpose,
        bool_or(travels_with_students) as travels_with_students,
        max(group_id) as group_id
    from land.registrations
    group by trip_id
),

segment_facts as (
    select
        l.main_trip_key as trip_key,
        min(s.starts_at) as starts_at,
        max(s.ends_at) as ends_at,
        bool_or(s.segment_status <> 'cancelled') as has_active,
        bool_or(s.segment_status = 'confirmed') as has_confirmed,
        count(distinct p.country_code) as country_count,
        bool_or(p.country_code is distinct from t.home_country_code) as leaves_home,
        bool_or(s.starts_at is null) as has_no_time
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join core.traveller as t on s.traveller_key = t.traveller_key
    inner join core.place as p on s.to_place_key = p.place_key
    group by l.main_trip_key
),

lost as (
    select distinct
        case table_name when 'registrations' then 'registration' when 'bookings' then 'booking' else 'expense' end
            as source,
        case
            when table_name = 'expenses' or substr(key_text, 1, 10) = 'forwarded:' then split_part(key_text, '|', 1)
            else key_text
        end as lost_ref
    from land.rejected_record
    where key_text is not null and table_name in ('registrations', 'bookings', 'expenses')
),

personal_reports as (
    select report_id
    from land.expenses
    group by report_id
    having bool_and(coalesce(is_personal, false))
),

sources as (
    select
        l.main_trip_key as trip_key,
        max(case when r.source = 'registration' then 1 else 0 end) as has_registration,
        max(case when r.source = 'booking' then 1 else 0 end) as has_booking,
        max(case when r.source = 'expense' then 1 else 0 end) as has_expense,
        bool_or(x.lost_ref is not null) as has_lost
    from core.trip_reference as r
    inner join core.trip_link as l on r.trip_key = l.trip_key
    left join lost as x
        on
            r.source = x.source
            and case r.source when 'registration' then r.trip_ref else split_part(r.trip_ref, ':', 2) end = x.lost_ref
    group by l.main_trip_key
)

select
    r.trip_key,
    r.trip_id,
    r.traveller_key,
    r.source,
    case
        when g.trip_id is not null then g.trip_status
        when not f.has_active then 'cancelled'
        when not f.has_confirmed then 'tentative'
        else 'active'
    end as trip_status,
    g.registered_at,
    r.updated_at,
    f.starts_at,
    f.ends_at,
    g.channel,
    case when e.report_id is not null then 'personal' else coalesce(g.purpose, 'university') end as purpose,
    coalesce(g.travels_with_students, false) as travels_with_students,
    g.group_id,
    coalesce(f.leaves_home or f.country_count > 1, true) as is_international,
    coalesce(s.has_lost or f.has_no_time, true) as is_incomplete,
    s.has_booking = 1 as has_booking,
    s.has_expense = 1 as has_expense
from core.trip_reference as r
inner join core.trip_link as l on r.trip_key = l.trip_key and l.main_trip_key = r.trip_key
left join registrations as g on r.source = 'registration' and r.trip_ref = g.trip_id
left join segment_facts as f on r.trip_key = f.trip_key
left join sources as s on r.trip_key = s.trip_key
left join personal_reports as e on r.source = 'expense' and r.trip_ref = concat('expense:', e.report_id)
