-- Grain: rating change: provider x category x rated place or area x instant at which the level became another.
-- Rules: R1 (a rating holds until the next), F4 (a fault changes no level; a release ends one), R2 (whom it concerns).
-- A provider's first rating of a place is no change. In place are people whose stay counts in exposure at that instant
-- in the place or anywhere within it, at as_of itself also who stays without an end (S7); arriving are others whose
-- presence there begins in the 14 days after it.
with periods as (
    select
        rating_id,
        provider,
        category,
        place_id,
        place_name,
        place_type,
        country_code,
        level,
        valid_from,
        coalesce(valid_to, timestamp '9999-01-01 00:00:00') as valid_to
    from core.rating_period
    where level is not null
),

instants as (
    select
        provider,
        category,
        place_id,
        valid_from as happens_at
    from periods
    union
    select
        provider,
        category,
        place_id,
        valid_to as happens_at
    from periods
),

-- An area may have several circles at one instant: its level is the highest of them.
histories as (
    select
        i.provider,
        i.category,
        i.place_id,
        i.happens_at,
        max(p.level) as level
    from instants as i
    left join periods as p
        on
            i.provider = p.provider and i.category = p.category and i.place_id = p.place_id
            and i.happens_at >= p.valid_from and i.happens_at < p.valid_to
    where i.happens_at < timestamp '9999-01-01 00:00:00'
    group by i.provider, i.category, i.place_id, i.happens_at
),

followed as (
    select
        *,
        lag(level) over (partition by provider, category, place_id order by happens_at) as level_before,
        lag(happens_at) over (partition by provider, category, place_id order by happens_at) is null as is_first
    from histories
),

names as (
    select
        provider,
        category,
        place_id,
        max(place_name) as place_name,
        max(place_type) as place_type,
        max(country_code) as country_code
    from periods
    group by provider, category, place_id
),

changes as (
    select
        f.provider,
        f.category,
        f.place_id,
        n.place_name,
        n.place_type,
        n.country_code,
        f.level_before as from_level,
        f.level as to_level,
        f.happens_at as changed_at
    from followed as f
    inner join names as n on f.provider = n.provider and f.category = n.category and f.place_id = n.place_id
    where not f.is_first and f.level is distinct from f.level_before
),

moments as (
    select distinct
        place_id,
        changed_at
    from changes
),

-- Whom a change concerns: the places of what was rated until then, or is from then on.
nodes as (
    select distinct
        m.place_id,
        m.changed_at,
        p.place_key
    from moments as m
    inner join periods as r
        on m.place_id = r.place_id and m.changed_at >= r.valid_from and m.changed_at <= r.valid_to
    inner join core.rating_node as n on r.rating_id = n.rating_id
    inner join core.place_node as p on n.node_key = p.node_key
    where not p.is_inside
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
    inner join nodes as n on m.place_id = n.place_id and m.changed_at = n.changed_at
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
    inner join nodes as n on m.place_id = n.place_id and m.changed_at = n.changed_at
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
