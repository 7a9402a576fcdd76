-- title: whenever anything places a traveller somewhere, the weights of the places sum to exactly 1 (S5)
-- severity: blocking
with said as (
    select
        traveller_key,
        episode_starts_at,
        epoch_us(max(ends_at)) - epoch_us(episode_starts_at) as duration
    from core.episode
    group by traveller_key, episode_starts_at
),

of_claims as (
    select
        traveller_key,
        sum(duration) as duration
    from said
    group by traveller_key
),

of_stays as (
    select
        traveller_key,
        sum(
            cast(
                epoch_us(coalesce(ends_at, timestamp '9999-01-01 00:00:00')) - epoch_us(starts_at) as double
            ) / candidate_count
        ) as duration
    from core.stay_piece
    group by traveller_key
)

select c.traveller_key
from of_claims as c
left join of_stays as s on c.traveller_key = s.traveller_key
where s.traveller_key is null or abs(cast(c.duration as double) - s.duration) > 60000000
