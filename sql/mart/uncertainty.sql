-- Grain: kind of what is vague or unknown about a stay; each kind has a row, and 'all' is every stay counted.
-- Rules: P1 (a fuzzy place is flagged and counted), P2 (an unknown place is shown and counted), P3 (known only by
-- country), R4 (unrated and stale), E2 (only person_days is additive, and the kinds overlap).
-- Transit and journeys are left out. Time is counted in microseconds times 2520 / candidate_count and divided last.
with kinds as (
    select
        unnest(
            [
                'place_unknown', 'place_fuzzy', 'place_historical', 'country_only', 'region_only', 'unrated', 'stale',
                'all'
            ]
        ) as kind,
        unnest(range(1, 9)) as kind_number
),

parameter as (
    select as_of
    from reference.parameter
),

stays as (
    select
        stay_id,
        place_status,
        precision
    from mart.stay
),

exposed as (
    select
        e.stay_id,
        e.traveller_id,
        e.starts_at <= a.as_of and (e.ends_at > a.as_of or (e.is_open and e.ends_at >= a.as_of)) as is_now,
        cast(epoch_us(e.ends_at) - epoch_us(e.starts_at) as hugeint) * 2520 // e.candidate_count as weighted_us,
        list_filter(
            [
                case when s.place_status = 'unknown' then 'place_unknown' end,
                case when s.place_status = 'fuzzy' then 'place_fuzzy' end,
                case when s.place_status = 'historical' then 'place_historical' end,
                case when s.precision = 'country' then 'country_only' end,
                case when s.precision = 'region' then 'region_only' end,
                case when e.rating_status = 'unrated' then 'unrated' end,
                case when e.rating_status = 'stale' then 'stale' end,
                'all'
            ],
            lambda each: each is not null
        ) as stay_kinds
    from mart.exposure as e
    cross join parameter as a
    inner join stays as s on e.stay_id = s.stay_id
    where e.presence not in ('transit', 'en_route')
),

told as (
    select
        stay_id,
        traveller_id,
        is_now,
        weighted_us,
        unnest(stay_kinds) as kind
    from exposed
)

select
    k.kind,
    count(distinct t.stay_id) as stays,
    count(distinct t.traveller_id) as travellers,
    count(distinct case when t.is_now then t.traveller_id end) as travellers_now,
    cast(coalesce(sum(t.weighted_us), 0) as double) / 2520.0 / 86400000000.0 as person_days
from kinds as k
left join told as t on k.kind = t.kind
group by k.kind, k.kind_number
order by k.kind_number
