-- Grain: rating change: provider x category x rated place or area x instant at which the level became another.
-- Rules: R1 (a rating holds until the next), F4 (a fault changes no level; a release ends one), R2 (whom it concerns).
-- A provider's first rating of a place is no change. In place are people whose stay counts in exposure at that instant
-- in the place or anywhere within it, at as_of itself also who stays without an end (S7); arriving are others whose
-- presence there begins in the 14 days after it.
with periods as (
    select
        provider,
        category,
        place_id,
        place_name,
        place_type,
        country_code,
        level,
        valid_from,
        valid_to,
        lag(level) over place_history as level_before,
        lag(valid_to) over place_history as ended_before_at,
        lead(valid_from) over place_history as next_from
    from core.rating_period
    window place_history as (partition by provider, category, place_id order by valid_from)
),

changes as (
    select
        provider,
        category,
        place_id,
        place_name,
        place_type,
        country_code,
        case when ended_before_at = valid_from then level_before end as from_level,
        level as to_level,
        valid_from as changed_at
    from periods
    where ended_before_at is not null and (ended_before_at < valid_from or level_before <> level)
    union all
    select
        provider,
        category,
        place_id,
        place_name,
        place_type,
        country_code,
        level as from_level,
        cast(null as integer) as to_level,
        valid_to as changed_at
    from periods
    where valid_to is not null and next_from is distinct from valid_to
),

nodes as (
    select
        n.place_id,
        p.place_key
    from core.rated_node as n
    inner join core.place_node as p on n.node_key = p.node_key
    where not p.is_inside
),

moments as (
    select distinct
        place_id,
        changed_at
    from changes
),

intervals as (
    select
        traveller_key,
        place_key,
        starts_at,
        ends_at,
        is_open,
        presence in ('transit', 'en_route') as is_passing,
        stay_id
    from core.exposure_interval
),

arrivals as (
    select
        s.traveller_key,
        s.place_key,
        r.since_at
    from core.stay_run as r
    inner join core.stay_piece as s on r.stay_id = s.stay_id
    where r.is_arrival and s.stay_id in (select stay_id from intervals)
),

in_place as (
    select distinct
        m.place_id,
        m.changed_at,
        i.traveller_key
    from moments as m
    inner join nodes as n on m.place_id = n.place_id
    inner join intervals as i
        on
            n.place_key = i.place_key and m.changed_at >= i.starts_at
            and (m.changed_at < i.ends_at or (i.is_open and m.changed_at = i.ends_at))
    where not i.is_passing
),

arriving as (
    select distinct
        m.place_id,
        m.changed_at,
        a.traveller_key
    from moments as m
    inner join nodes as n on m.place_id = n.place_id
    inner join arrivals as a
        on n.place_key = a.place_key and m.changed_at < a.since_at and m.changed_at + interval 14 day >= a.since_at
    anti join in_place as i
        on m.place_id = i.place_id and m.changed_at = i.changed_at and a.traveller_key = i.traveller_key
),

counted as (
    select
        place_id,
        changed_at,
        count(*) filter (where is_there) as travellers_in_place,
        count(*) filter (where not is_there) as travellers_arriving
    from (
        select
            place_id,
            changed_at,
            true as is_there
        from in_place
        union all
        select
            place_id,
            changed_at,
            false as is_there
        from arriving
    ) as people
    group by place_id, changed_at
)

select
    c.place_id,
    c.place_name,
    c.place_type,
    c.country_code,
    c.category,
    c.provider,
    c.from_level,
    c.to_level,
    c.changed_at,
    coalesce(n.travellers_in_place, 0) as travellers_in_place,
    coalesce(n.travellers_arriving, 0) as travellers_arriving
from changes as c
left join counted as n on c.place_id = n.place_id and c.changed_at = n.changed_at
order by c.changed_at desc, c.place_id asc, c.provider asc, c.category asc
