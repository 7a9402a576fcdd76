-- Grain: traveller x place at as_of.
-- Rules: section 9 (begun and not ended; transit, en route and overdue included, home not), S7 (an open stay that has
-- begun is still going on at as_of).
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
    e.security_level,
    e.medical_level,
    e.level_highest,
    e.level_most_specific,
    e.risk_level,
    e.worst_case_level,
    e.rating_status,
    e.evacuation_status,
    e.security_provider,
    e.medical_provider,
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
where e.starts_at <= a.as_of and (e.ends_at > a.as_of or (e.is_open and e.ends_at >= a.as_of))
order by e.risk_level desc nulls first, e.country_code asc, e.place_name asc, e.traveller_id asc
