-- Grain: rating provider, by precedence, with the instant after which its ratings count as stale.
-- Rules: R2 (provider_order, then by name), R4 (newest receipt plus the feed's rhythm; a person's release is none).
-- A file that came again unchanged was received again with all its ratings.
with files as (
    select
        file_number,
        last_received_at
    from land.file
    where last_received_at > received_at
),

ratings as (
    select
        lower(trim(r.provider)) as provider,
        r.feed,
        coalesce(f.last_received_at, r.received_at) as received_at
    from land.ratings as r
    left join files as f on r.file_number = f.file_number
    where coalesce(r.change, '') <> 'released'
),

feeds as (
    select
        feed,
        rhythm_days
    from land.feed
),

listed as (
    select
        provider,
        provider_rank
    from reference.provider_order
),

received as (
    select
        r.provider,
        max(r.received_at) as newest_received_at,
        max(r.received_at + to_seconds(cast(f.rhythm_days * 86400 as bigint))) as stale_at
    from ratings as r
    inner join feeds as f on r.feed = f.feed
    group by r.provider
)

select
    r.provider,
    cast(row_number() over (order by coalesce(l.provider_rank, 1000000), r.provider) as integer) as provider_rank,
    r.newest_received_at,
    r.stale_at
from received as r
left join listed as l on r.provider = l.provider
