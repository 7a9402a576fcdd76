-- Grain: rated place x category (security, medical) x half-open interval in which providers rate it differently.
-- Rules: R6 (R2's order decides, and the disagreement is published), R3 (overall stands in for a category).
-- Compared is what each provider says of the very place. Who decides, and the level that results, are those of a stay
-- there: the first provider with any rating of the place, its region or its country. Areas are not compared: two
-- circles are hardly ever the same.
with parameter as (
    select as_of
    from reference.parameter
),

providers as (
    select
        provider,
        provider_rank
    from core.provider
),

ratings as (
    select
        place_id,
        provider,
        category,
        level,
        valid_from,
        coalesce(valid_to, timestamp '9999-01-01 00:00:00') as valid_to
    from core.rating_period
    where place_type <> 'area' and level is not null
),

compared as (
    select place_id
    from ratings
    group by place_id
    having count(distinct provider) > 1
),

zoned as (
    select
        c.place_id,
        p.place_name,
        p.place_type,
        p.country_code,
        z.zone_key
    from compared as c
    inner join core.place as p on c.place_id = p.place_id
    inner join core.place_zone as z on p.place_key = z.place_key
),

levels as (
    select
        zone_key,
        starts_at,
        ends_at,
        security_level,
        medical_level,
        security_provider,
        medical_provider
    from core.zone_level
),

boundaries as (
    select
        r.place_id,
        r.valid_from as happens_at
    from ratings as r
    semi join zoned as z on r.place_id = z.place_id
    union
    select
        r.place_id,
        r.valid_to as happens_at
    from ratings as r
    semi join zoned as z on r.place_id = z.place_id
    union
    select
        z.place_id,
        l.starts_at as happens_at
    from zoned as z
    inner join levels as l on z.zone_key = l.zone_key
),

slices as (
    select
        place_id,
        happens_at as starts_at,
        lead(happens_at) over (partition by place_id order by happens_at) as ends_at
    from boundaries
),

in_force as (
    select
        s.place_id,
        s.starts_at,
        s.ends_at,
        r.provider,
        max(case when r.category = 'security' then r.level end) as security_own,
        max(case when r.category = 'medical' then r.level end) as medical_own,
        max(case when r.category = 'overall' then r.level end) as overall_own
    from slices as s
    inner join ratings as r
        on s.place_id = r.place_id and s.starts_at >= r.valid_from and s.starts_at < r.valid_to
    where s.ends_at is not null
    group by s.place_id, s.starts_at, s.ends_at, r.provider
),

by_category as (
    select
        place_id,
        starts_at,
        ends_at,
        provider,
        'security' as category,
        coalesce(security_own, overall_own) as level
    from in_force
    union all
    select
        place_id,
        starts_at,
        ends_at,
        provider,
        'medical' as category,
        coalesce(medical_own, overall_own) as level
    from in_force
),

differing as (
    select
        b.place_id,
        b.category,
        b.starts_at,
        b.ends_at,
        cast(count(*) as integer) as providers,
        min(b.level) as lowest_level,
        max(b.level) as highest_level,
        string_agg(b.provider || ' ' || b.level, ', ' order by p.provider_rank) as levels
    from by_category as b
    inner join providers as p on b.provider = p.provider
    where b.level is not null
    group by b.place_id, b.category, b.starts_at, b.ends_at
    having min(b.level) < max(b.level)
),

decided as (
    select
        d.*,
        z.place_name,
        z.place_type,
        z.country_code,
        case d.category when 'security' then l.security_provider else l.medical_provider end as deciding_provider,
        case d.category when 'security' then l.security_level else l.medical_level end as deciding_level
    from differing as d
    inner join zoned as z on d.place_id = z.place_id
    inner join levels as l
        on z.zone_key = l.zone_key and d.starts_at >= l.starts_at and d.starts_at < l.ends_at
),

compared_text as (
    select
        *,
        concat_ws(
            '|', levels, coalesce(deciding_provider, '-'), coalesce(cast(deciding_level as varchar), '-')
        ) as said
    from decided
),

marked as (
    select
        *,
        lag(said) over (partition by place_id, category order by starts_at) as said_before,
        lag(ends_at) over (partition by place_id, category order by starts_at) as ended_before_at
    from compared_text
),

numbered as (
    select
        *,
        sum(case when said = said_before and starts_at = ended_before_at then 0 else 1 end) over (
            partition by place_id, category order by starts_at rows between unbounded preceding and current row
        ) as run_number
    from marked
),

joined as (
    select
        place_id,
        max(place_name) as place_name,
        max(place_type) as place_type,
        max(country_code) as country_code,
        category,
        min(starts_at) as valid_from,
        nullif(max(ends_at), timestamp '9999-01-01 00:00:00') as valid_to,
        max(providers) as providers,
        max(lowest_level) as lowest_level,
        max(highest_level) as highest_level,
        max(levels) as levels,
        max(deciding_provider) as deciding_provider,
        max(deciding_level) as deciding_level
    from numbered
    group by place_id, category, run_number
)

select
    j.place_id,
    j.place_name,
    j.place_type,
    j.country_code,
    j.category,
    j.valid_from,
    j.valid_to,
    j.valid_from <= a.as_of and (j.valid_to is null or j.valid_to > a.as_of) as is_in_force,
    j.providers,
    j.lowest_level,
    j.highest_level,
    j.levels,
    j.deciding_provider,
    j.deciding_level
from joined as j
cross join parameter as a
order by j.place_id, j.category, j.valid_from
