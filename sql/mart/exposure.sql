-- Grain: exposure: constant place, level, presence and weight; exposure_id counts them in order of their start.
-- Rules: E1, R2 to R4, P3. ends_at is never NULL here; is_open says that nothing tells when the stay ends.
-- Rows lie by length and start, as those of mart.stay. They are numbered while they are narrow.
with places as (
    select
        place_key,
        place_id,
        place_name,
        country_code,
        region_code,
        latitude,
        longitude,
        precision,
        timezone
    from core.place
),

numbered as (
    select
        *,
        cast(row_number() over (order by starts_at, stay_id) as bigint) as exposure_id
    from core.exposure_interval
)

select
    e.exposure_id,
    e.stay_id,
    p.traveller_id,
    t.trip_id,
    g.place_id,
    g.place_name,
    g.country_code,
    g.region_code,
    g.latitude,
    g.longitude,
    e.starts_at,
    e.ends_at,
    e.is_open,
    e.presence,
    1.0 / e.candidate_count as weight,
    e.candidate_count,
    e.security_level,
    e.medical_level,
    e.level_highest,
    e.level_most_specific,
    e.risk_level,
    case when g.precision = 'country' then e.worst_case_level else e.risk_level end as worst_case_level,
    e.rating_status,
    e.evacuation_status,
    e.security_provider,
    e.medical_provider
from numbered as e
inner join core.pseudonym as p on e.traveller_key = p.traveller_key
inner join core.trip_reference as t on e.trip_key = t.trip_key
inner join places as g on e.place_key = g.place_key
order by
    floor(log2(greatest((epoch_us(e.ends_at) - epoch_us(e.starts_at)) / 691200e6, 1))), e.starts_at, e.stay_id
