-- Grain: traveller x slice (interval between two boundaries of an episode) x place that counts there, weighed.
-- Rules: S5 (candidates share the slice, a nested or near pair is one fact at the finer place, weights sum to 1),
-- S3 (evidence is the union).
-- Of the claims of a slice only those of the first precedence count. A place gives way to a better one that lies in
-- it or in its area; what it said for the traveller's presence goes to that place. weight is 1 / candidate_count.
-- A wider place only ever gives way to a finer one and near places follow one order, so that some place always stays.
-- Most slices have one place alone, whose claims need no comparing.
with places as (
    select
        place_key,
        place_type,
        precision,
        country_code,
        region_code,
        case precision when 'unknown' then 0 when 'country' then 1 when 'region' then 2 when 'city' then 3 else 4 end
            as fineness
    from core.place
),

boundaries as (
    select
        traveller_key,
        episode_starts_at,
        starts_at as happens_at
    from core.episode
    where not is_alone
    union
    select
        traveller_key,
        episode_starts_at,
        ends_at as happens_at
    from core.episode
    where not is_alone
),

slices as (
    select
        traveller_key,
        episode_starts_at,
        happens_at as starts_at,
        lead(happens_at) over (partition by traveller_key, episode_starts_at order by happens_at) as ends_at
    from boundaries
),

spans as (
    select
        s.traveller_key,
        s.episode_starts_at,
        s.starts_at,
        min(s.ends_at) as ends_at,
        min(c.precedence) as first_precedence,
        min(c.place_key) < max(c.place_key) as is_contested
    from slices as s
    inner join core.episode as c
        on
            s.traveller_key = c.traveller_key and s.episode_starts_at = c.episode_starts_at
            and s.starts_at >= c.starts_at and s.starts_at < c.ends_at
    where s.ends_at is not null and not c.is_alone
    group by s.traveller_key, s.episode_starts_at, s.starts_at
),

members as (
    select
        s.traveller_key,
        s.episode_starts_at,
        s.starts_at,
        s.ends_at,
        s.is_contested,
        c.place_key,
        c.precedence,
        c.certainty,
        c.presence,
        c.is_home,
        c.trip_key,
        c.is_guessed,
        c.segment_keys
    from spans as s
    inner join core.episode as c
        on
            s.traveller_key = c.traveller_key and s.episode_starts_at = c.episode_starts_at
            and s.first_precedence = c.precedence
            and s.starts_at >= c.starts_at and s.starts_at < c.ends_at
    where not c.is_alone
),

by_place as (
    select
        traveller_key,
        episode_starts_at,
        starts_at,
        min(ends_at) as ends_at,
        bool_or(is_contested) as is_contested,
        place_key,
        min(precedence) as precedence,
        max(certainty) as certainty,
        max_by(presence, certainty) as presence,
        bool_or(is_home) as is_home,
        max(trip_key) as trip_key,
        bool_and(is_guessed) as is_guessed,
        flatten(list(segment_keys)) as segment_keys
    from members
    group by traveller_key, episode_starts_at, starts_at, place_key
),

counted as (
    select
        *,
        count(*) over (partition by traveller_key, episode_starts_at, starts_at) as place_count
    from by_place
    where is_contested
),

gives_way as (
    select
        a.traveller_key,
        a.episode_starts_at,
        a.starts_at,
        a.place_key,
        b.place_key as better_place_key,
        a.certainty,
        a.presence,
        a.trip_key,
        a.segment_keys
    from counted as a
    inner join counted as b
        on
            a.traveller_key = b.traveller_key and a.episode_starts_at = b.episode_starts_at
            and a.starts_at = b.starts_at and a.place_key <> b.place_key
    inner join places as p on a.place_key = p.place_key
    inner join places as q on b.place_key = q.place_key
    left join core.place_near as n on a.place_key = n.place_key and b.place_key = n.other_place_key
    where
        a.place_count > 1 and b.place_count > 1 and a.precedence = 2
        and (
            (p.precision = 'country' and q.fineness > 1 and p.country_code = q.country_code)
            or (p.precision = 'region' and q.fineness > 2 and p.region_code = q.region_code)
            or (
                n.place_key is not null and p.fineness > 2 and q.fineness > 2
                and (a.certainty, p.fineness, -a.place_key) < (b.certainty, q.fineness, -b.place_key)
            )
        )
),

g as (select distinct traveller_key, episode_starts_at, starts_at, place_key from gives_way),

survivors as (
    select c.*
    from counted as c
    left join g
        on
            c.traveller_key = g.traveller_key and c.episode_starts_at = g.episode_starts_at
            and c.starts_at = g.starts_at and c.place_key = g.place_key
    where g.place_key is null
),

inherited as (
    select
        traveller_key,
        episode_starts_at,
        starts_at,
        better_place_key as place_key,
        max(certainty) as certainty,
        max_by(presence, certainty) as presence,
        max(trip_key) as trip_key,
        flatten(list(segment_keys)) as segment_keys
    from gives_way
    group by traveller_key, episode_starts_at, starts_at, better_place_key
),

weighed as (
    select
        s.traveller_key,
        s.place_key,
        s.starts_at,
        s.ends_at,
        s.precedence,
        case when i.certainty > s.certainty then i.presence else s.presence end as presence,
        s.is_home,
        greatest(s.trip_key, coalesce(i.trip_key, s.trip_key)) as trip_key,
        s.is_guessed,
        case when i.place_key is null then s.segment_keys else list_concat(s.segment_keys, i.segment_keys) end
            as segment_keys,
        count(*) over (partition by s.traveller_key, s.episode_starts_at, s.starts_at) as candidate_count
    from survivors as s
    left join inherited as i
        on
            s.traveller_key = i.traveller_key and s.episode_starts_at = i.episode_starts_at
            and s.starts_at = i.starts_at and s.place_key = i.place_key
)

select
    traveller_key,
    place_key,
    starts_at,
    ends_at,
    case when precedence = 2 and candidate_count > 1 then 'possible' else presence end as presence,
    cast(candidate_count as integer) as candidate_count,
    is_home,
    trip_key,
    is_guessed,
    segment_keys
from weighed
union all
select
    traveller_key,
    place_key,
    starts_at,
    ends_at,
    presence,
    1 as candidate_count,
    is_home,
    trip_key,
    is_guessed,
    segment_keys
from by_place
where not is_contested
union all
select
    traveller_key,
    place_key,
    starts_at,
    ends_at,
    presence,
    1 as candidate_count,
    is_home,
    trip_key,
    is_guessed,
    segment_keys
from core.episode
where is_alone
