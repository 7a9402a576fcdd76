-- Grain: registration x place x local dates abroad.
-- Rules: A1 (what observed trips are compared with), S7 (an open stay ends with the trip's declared end, else after
-- open_ended_days, and is_open), S2 (cancelled registrations cover nothing; they are kept, flagged, for the words of a
-- finding).
with declared as (
    select
        trip_key,
        max(coalesce(ends_date, starts_date)) as ends_date
    from core.segment
    where source = 'registration' and segment_kind in ('lodging', 'presence')
    group by trip_key
),

parameter as (
    select open_ended_days
    from reference.parameter
)

select
    s.segment_key,
    s.trip_key,
    s.traveller_key,
    s.place_key,
    s.country_code,
    p.area_id,
    s.is_guessed,
    s.is_cancelled,
    s.ends_date is null and coalesce(d.ends_date < s.starts_date, true) as is_open,
    s.starts_date,
    coalesce(
        s.ends_date,
        case when d.ends_date >= s.starts_date then d.ends_date end,
        s.starts_date + a.open_ended_days
    ) as ends_date
from core.stated_stay as s
inner join core.place as p on s.place_key = p.place_key
cross join parameter as a
left join declared as d on s.trip_key = d.trip_key
where s.source = 'registration'
