-- Grain: stay piece (S5).
-- Rules: S1 to S9, section 9 (since_at, until_at). ends_at is NULL while nothing says when the stay ends (S7).
-- Rows lie by home, length (up to eight days, then each class twice as long as the one before) and start: who is away
-- at an instant is then read from a few neighbouring rows of each length, whatever the number of years. Where all do
-- not fit into the memory, the stays of one time after the other lie so (the twin's parts).
with runs as (
    select
        stay_id,
        since_at,
        until_at
    from core.stay_run
),

historical as (
    select distinct place_id
    from core.place_match
    where place_status = 'historical'
)

select
    s.stay_id,
    p.traveller_id,
    t.trip_id,
    g.place_id,
    g.place_name,
    g.country_code,
    g.region_code,
    g.latitude,
    g.longitude,
    s.starts_at,
    s.ends_at,
    r.since_at,
    r.until_at,
    s.presence,
    1.0 / s.candidate_count as weight,
    s.candidate_count,
    s.is_home,
    case
        when g.place_type = 'unknown' then 'unknown'
        when h.place_id is not null then 'historical'
        when s.is_guessed then 'fuzzy'
        else 'resolved'
    end as place_status,
    g.precision,
    g.is_zone_assumed,
    g.timezone,
    list_sort(
        list_distinct(
            list_transform(
                s.segment_keys,
                lambda each: concat(
                    substr(f.prefixes[each // 68719476736], 11), cast(each // 64 % 1073741824 as varchar)
                )
            )
        )
    ) as evidence
from core.stay_piece as s
cross join core.record_prefix as f
inner join runs as r on s.stay_id = r.stay_id
inner join core.pseudonym as p on s.traveller_key = p.traveller_key
inner join core.trip_reference as t on s.trip_key = t.trip_key
inner join core.place as g on s.place_key = g.place_key
left join historical as h on g.place_id = h.place_id
order by
    s.is_home,
    floor(
        log2(
            greatest(
                (epoch_us(coalesce(s.ends_at, timestamp '9999-01-01 00:00:00')) - epoch_us(s.starts_at)) / 691200e6, 1
            )
        )
    ),
    s.starts_at,
    s.stay_id
