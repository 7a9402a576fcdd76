-- Grain: feed that is declared or came.
-- Rules: F1 (account), F2 (the same bytes count once, and are as fresh as their last receipt), F3 (missing or older
-- than its rhythm is stale; status says which).
with files as (
    select
        feed,
        coalesce(last_received_at, received_at) as received_at,
        status,
        came_again is not true as is_last,
        case when came_again is not true then records end as records,
        case when came_again is not true then loaded end as loaded,
        case when came_again is not true then rejected end as rejected,
        case when came_again is not true then blank end as blank
    from land.file
),

parameter as (
    select as_of, known_at
    from reference.parameter
),

counted as (
    select
        feed,
        count(case when is_last then 1 end) as files,
        count(case when is_last and status = 'failed' then 1 end) as failed_files,
        count(case when is_last and status = 'held' then 1 end) as held_files,
        sum(records) as records,
        sum(loaded) as loaded,
        sum(rejected) as rejected,
        sum(blank) as blank,
        max(case when status = 'loaded' then received_at end) as newest_received_at
    from files
    group by feed
)

select
    coalesce(f.feed, c.feed) as feed,
    f.table_name,
    f.mode,
    f.rhythm_days,
    coalesce(f.is_optional, true) as is_optional,
    cast(coalesce(c.files, 0) as bigint) as files,
    cast(coalesce(c.failed_files, 0) as bigint) as failed_files,
    cast(coalesce(c.held_files, 0) as bigint) as held_files,
    cast(coalesce(c.records, 0) as bigint) as records,
    cast(coalesce(c.loaded, 0) as bigint) as loaded,
    cast(coalesce(c.rejected, 0) as bigint) as rejected,
    cast(coalesce(c.blank, 0) as bigint) as blank,
    c.newest_received_at,
    case
        when c.newest_received_at is null and coalesce(c.files, 0) = 0 then 'missing'
        when c.newest_received_at is null then 'failed'
        when c.newest_received_at + to_seconds(cast(f.rhythm_days * 86400 as bigint)) < p.known_at then 'stale'
        else 'current'
    end as status
from land.feed as f
full outer join counted as c on f.feed = c.feed
cross join parameter as p
order by feed
