-- Grain: alert x place that it names; an alert with a point of its own has one row.
-- Rules: P4 (several places in one text), P2 (a place that is not recognised reaches nobody and is said), F5.
-- A point reaches everything within its radius, 50 km where the alert gives none; without a point, a city or site
-- reaches as far around its own position, a region or country everything within it. asked_at is the instant at which
-- people are looked for: as_of, or the alert's first or last instant where as_of lies before or after it. An alert
-- without an end holds for a day.
with alerts as (
    select
        alert_id,
        place,
        latitude,
        longitude,
        radius_km,
        coalesce(issued_at, received_at) as issued_at,
        coalesce(expires_at, coalesce(issued_at, received_at) + interval 1 day) as expires_at
    from land.alerts
    where is_current
),

parameter as (
    select as_of
    from reference.parameter
),

matches as (
    select
        place_text,
        place_id,
        place_status,
        candidate_number
    from core.place_match
    where text_kind = 'text' and country_hint is null and region_hint is null
),

places as (
    select
        place_id,
        place_name,
        place_type,
        country_code,
        region_code,
        latitude,
        longitude
    from core.place
),

named as (
    select
        a.alert_id,
        a.issued_at,
        a.expires_at,
        a.latitude is not null and a.longitude is not null as has_point,
        coalesce(m.candidate_number, 1) as candidate_number,
        coalesce(m.place_status, 'unknown') as place_status,
        p.place_id,
        p.place_type,
        coalesce(p.place_name, a.place) as place_name,
        p.country_code,
        p.region_code,
        a.latitude as own_latitude,
        a.longitude as own_longitude,
        p.latitude as place_latitude,
        p.longitude as place_longitude,
        coalesce(a.radius_km, 50.0) as radius_km
    from alerts as a
    left join matches as m on a.place = m.place_text
    left join places as p on m.place_id = p.place_id
)

select
    n.alert_id,
    n.candidate_number,
    case
        when n.has_point then 'circle'
        when n.place_latitude is null or n.place_type = 'unknown' then 'unknown'
        when n.place_type in ('country', 'region') then n.place_type
        else 'circle'
    end as reach,
    case when n.has_point and n.place_status = 'unknown' then 'resolved' else n.place_status end as place_status,
    n.place_id,
    n.place_name,
    n.country_code,
    n.region_code,
    case when n.has_point then n.own_latitude else n.place_latitude end as latitude,
    case when n.has_point then n.own_longitude else n.place_longitude end as longitude,
    n.radius_km,
    n.issued_at,
    n.expires_at,
    least(greatest(a.as_of, n.issued_at), n.expires_at) as asked_at
from named as n
cross join parameter as a
where not n.has_point or n.candidate_number = 1
