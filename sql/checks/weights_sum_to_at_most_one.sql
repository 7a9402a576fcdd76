-- title: at no instant does a traveller weigh more than 1 (S5)
-- severity: blocking
with edges as (
    select
        traveller_key,
        starts_at as happens_at,
        2520 // candidate_count as change
    from core.stay_piece
    union all
    select
        traveller_key,
        coalesce(ends_at, timestamp '9999-01-01 00:00:00') as happens_at,
        -(2520 // candidate_count) as change
    from core.stay_piece
),

steps as (
    select
        traveller_key,
        happens_at,
        sum(change) as change
    from edges
    group by traveller_key, happens_at
),

heights as (
    select
        traveller_key,
        happens_at,
        sum(change) over (partition by traveller_key order by happens_at) as height
    from steps
)

select
    traveller_key,
    happens_at
from heights
where height > 2520
