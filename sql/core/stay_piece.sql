-- Grain: stay piece: traveller x place x half-open interval of one presence and one number of candidates.
-- Rules: S5 (cut only where the number of candidates or the presence changes). Adjacent slices that say the same join.
with slices as (
    select * from core.stay_slice
),

ordered as (
    select
        *,
        lag(ends_at) over (
            partition by traveller_key, place_key, presence, candidate_count order by starts_at
        ) as before_ends_at
    from slices
),

marked as (
    select
        *,
        sum(case when before_ends_at = starts_at then 0 else 1 end) over (
            partition by traveller_key, place_key, presence, candidate_count
            order by starts_at
            rows between unbounded preceding and current row
        ) as run_number
    from ordered
),

joined as (
    select
        traveller_key,
        place_key,
        presence,
        candidate_count,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at,
        bool_or(is_home) as is_home,
        max(trip_key) as trip_key,
        bool_and(is_guessed) as is_guessed,
        list_sort(list_distinct(flatten(list(evidence)))) as evidence
    from marked
    group by traveller_key, place_key, presence, candidate_count, run_number
)

select
    cast(row_number() over (order by starts_at, traveller_key, place_key, presence, candidate_count) as bigint)
        as stay_id,
    traveller_key,
    place_key,
    trip_key,
    starts_at,
    case when ends_at < timestamp '9999-01-01 00:00:00' then ends_at end as ends_at,
    presence,
    candidate_count,
    is_home,
    is_guessed,
    evidence
from joined
