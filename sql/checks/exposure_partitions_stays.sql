-- title: the exposures of a stay follow one another without gap or overlap (E1)
-- severity: blocking
with followed as (
    select
        stay_id,
        starts_at,
        ends_at,
        lead(starts_at) over (partition by stay_id order by starts_at) as next_starts_at
    from core.exposure_interval
)

select
    stay_id,
    starts_at
from followed
where ends_at <= starts_at or (next_starts_at is not null and next_starts_at <> ends_at)
