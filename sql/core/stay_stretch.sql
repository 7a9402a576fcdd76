-- Grain: traveller x place x half-open interval of one presence and one number of candidates.
-- Rules: S5 (cut only where the number of candidates or the presence changes). Adjacent slices that say the same join.
-- Most slices have no such neighbour and pass as they are, which spares them the grouping of their evidence.
with ordered as (
    select
        *,
        coalesce(lag(ends_at) over alike = starts_at, false) as follows_on,
        coalesce(lead(starts_at) over alike = ends_at, false) as goes_on
    from core.stay_slice
    window alike as (partition by traveller_key, place_key, presence, candidate_count order by starts_at)
),

numbered as (
    select
        *,
        sum(case when follows_on then 0 else 1 end) over (
            partition by traveller_key, place_key, presence, candidate_count
            order by starts_at
            rows between unbounded preceding and current row
        ) as run_number
    from ordered
    where follows_on or goes_on
)

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
    list_sort(list_distinct(flatten(list(segment_keys)))) as segment_keys
from numbered
group by traveller_key, place_key, presence, candidate_count, run_number
union all
select
    traveller_key,
    place_key,
    presence,
    candidate_count,
    starts_at,
    ends_at,
    is_home,
    trip_key,
    is_guessed,
    segment_keys
from ordered
where not follows_on and not goes_on
