-- Grain: claim, with the episode (claims of one traveller that overlap, directly or through others) it belongs to.
-- Rules: S5 (stays contradict only while they overlap). Claims that merely touch are different episodes, which keeps
-- the weighing of statements small; an episode of one claim needs no weighing at all.
-- An episode is named by the start of its first claim. The frames are ranges, so that claims that start together
-- belong together whatever their order. A claim is alone where nothing before reaches beyond its start, none starts
-- with it and the next starts when it is over.
with reached as (
    select
        *,
        max(ends_at) over (
            partition by traveller_key
            order by starts_at
            rows between unbounded preceding and 1 preceding
        ) as reached_at,
        lag(starts_at) over (partition by traveller_key order by starts_at) as before_starts_at,
        lead(starts_at) over (partition by traveller_key order by starts_at) as next_starts_at
    from core.claim
)

select
    traveller_key,
    max(case when reached_at > starts_at then null else starts_at end) over (
        partition by traveller_key
        order by starts_at
        range between unbounded preceding and current row
    ) as episode_starts_at,
    coalesce(reached_at <= starts_at, true)
    and coalesce(before_starts_at < starts_at, true)
    and coalesce(next_starts_at >= ends_at and next_starts_at > starts_at, true) as is_alone,
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
from reached
