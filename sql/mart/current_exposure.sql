-- Grain: traveller x place at as_of.
-- Rules: section 9 (begun and not ended; transit, en route and overdue included, home not), S7 (an open stay that has
-- begun is still going on at as_of), R1 (levels are those in force at as_of). In exposure an open stay ends just before
-- as_of, so where a rating begins at that very instant its level is not yet that of its last exposure.
with parameter as (
    select as_of
    from reference.parameter
),

stays as (
    select
        stay_id,
        since_at,
        until_at,
        place_status,
        precision,
        is_zone_assumed,
        timezone,
        evidence
    from mart.stay
),

levels as (
    select
        p.place_id,
        l.security_level,
        l.medical_level,
        l.level_highest,
        l.level_most_specific,
        l.risk_level,
        case when p.precision = 'country' then l.worst_case_level else l.risk_level end as worst_case_level,
        l.rating_status,
        l.evacuation_status,
        l.security_provider,
        l.medical_provider
    from core.place as p
    inner join core.place_zone as z on p.place_key = z.place_key
    inner join core.zone_level as l on z.zone_key = l.zone_key
    cross join parameter as a
    where l.starts_at <= a.as_of and l.ends_at > a.as_of
)

select
    e.exposure_id,
    e.stay_id,
    e.traveller_id,
    e.trip_id,
    e.place_id,
    e.place_name,
    e.country_code,
    e.region_code,
    e.latitude,
    e.longitude,
    e.starts_at,
    e.ends_at,
    e.is_open,
    e.presence,
    e.weight,
    e.candidate_count,
    l.security_level,
    l.medical_level,
    l.level_highest,
    l.level_most_specific,
    l.risk_level,
    l.worst_case_level,
    coalesce(l.rating_status, e.rating_status) as rating_status,
    l.evacuation_status,
    l.security_provider,
    l.medical_provider,
    s.since_at,
    case when e.presence = 'overdue' then null else s.until_at end as until_at,
    s.place_status,
    s.precision,
    s.is_zone_assumed,
    s.timezone,
    s.evidence
from mart.exposure as e
cross join parameter as a
inner join stays as s on e.stay_id = s.stay_id
left join levels as l on e.place_id = l.place_id
where e.starts_at <= a.as_of and (e.ends_at > a.as_of or (e.is_open and e.ends_at >= a.as_of))
order by l.risk_level desc nulls first, e.country_code asc, e.place_name asc, e.traveller_id asc
