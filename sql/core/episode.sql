-- Grain: claim, with the episode (claims of one traveller that overlap, directly or through others) it belongs to.
-- Rules: S5 (stays contradict only while they overlap). Claims that merely touch are different episodes, which keeps
-- the weighing of statements small; an episode of one claim needs no weighing at all.
with claims as (
    select
        traveller_key,
        place_key,
        starts_at,
        ends_at,
        precedence,
        presence,
        certainty,
        is_home,
        trip_key,
        is_guessed,
        segment_keys
    from core.claim
),

ordered as (
    select
        *,
        max(ends_at) over (
            partition by traveller_key
            order by starts_at asc, ends_at desc, place_key asc, presence asc, trip_key asc
            rows between unbounded preceding and 1 preceding
        ) as reached_at
    from claims
),

marked as (
    select
        *,
        sum(case when reached_at > starts_at then 0 else 1 end) over (
            partition by traveller_key
            order by starts_at asc, ends_at desc, place_key asc, presence asc, trip_key asc
            rows between unbounded preceding and current row
        ) as episode_number
    from ordered
)

select
    traveller_key,
    cast(episode_number as integer) as episode_number,
    count(*) over (partition by traveller_key, episode_number) as claim_count,
    place_key,
    starts_at,
    ends_at,
    precedence,
    presence,
    certainty,
    is_home,
    trip_key,
    is_guessed,
    segment_keys
from marked
