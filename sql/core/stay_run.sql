-- Grain: stay piece, with the unbroken presence at one place that it is part of.
-- Rules: section 9 (since_at, until_at), E2 (arrivals: an unbroken presence begins once, however often it is cut).
-- A journey towards a place is not yet presence there; a transit is a presence of its own. The pieces of one traveller
-- at one place do not overlap, so that the begin of a run is the last one before a piece, and its end the next one
-- after it. Most pieces have no neighbour and pass as they are.
with pieces as (
    select
        stay_id,
        traveller_key,
        place_key,
        starts_at,
        coalesce(ends_at, timestamp '9999-01-01 00:00:00') as ends_at,
        case when presence in ('en_route', 'transit') then presence else 'there' end as manner
    from core.stay_piece
),

ordered as (
    select
        *,
        coalesce(lag(ends_at) over alike = starts_at, false) as follows_on,
        coalesce(lead(starts_at) over alike = ends_at, false) as goes_on
    from pieces
    window alike as (partition by traveller_key, place_key, manner order by starts_at)
),

runs as (
    select
        stay_id,
        max(case when follows_on then null else starts_at end) over (
            partition by traveller_key, place_key, manner
            order by starts_at
            rows between unbounded preceding and current row
        ) as since_at,
        min(case when goes_on then null else ends_at end) over (
            partition by traveller_key, place_key, manner
            order by starts_at
            rows between current row and unbounded following
        ) as until_at,
        manner = 'there' and not follows_on as is_arrival
    from ordered
    where follows_on or goes_on
    union all
    select
        stay_id,
        starts_at as since_at,
        ends_at as until_at,
        manner = 'there' as is_arrival
    from ordered
    where not follows_on and not goes_on
)

select
    stay_id,
    since_at,
    case when until_at < timestamp '9999-01-01 00:00:00' then until_at end as until_at,
    is_arrival
from runs
