-- Grain: stay piece, with the unbroken presence at one place that it is part of.
-- Rules: section 9 (since_at, until_at), E2 (arrivals: an unbroken presence begins once, however often it is cut).
-- A journey towards a place is not yet presence there; a transit is a presence of its own.
with pieces as (
    select
        stay_id,
        traveller_key,
        place_key,
        starts_at,
        ends_at,
        presence,
        case when presence in ('en_route', 'transit') then presence else 'there' end as manner
    from core.stay_piece
),

ordered as (
    select
        *,
        lag(ends_at) over (partition by traveller_key, place_key, manner order by starts_at) as before_ends_at
    from pieces
),

numbered as (
    select
        *,
        sum(case when before_ends_at = starts_at then 0 else 1 end) over (
            partition by traveller_key, place_key, manner
            order by starts_at
            rows between unbounded preceding and current row
        ) as run_number
    from ordered
)

select
    stay_id,
    min(starts_at) over run as since_at,
    case when bool_or(ends_at is null) over run then null else max(ends_at) over run end as until_at,
    manner = 'there' and (before_ends_at is null or before_ends_at <> starts_at) as is_arrival
from numbered
window run as (partition by traveller_key, place_key, manner, run_number)
