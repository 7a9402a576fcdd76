-- Grain: zone x half-open interval of constant levels; the intervals of a zone cover all time.
-- Rules: R2 (first provider with any rating decides, then highest or most specific), R3 (categories kept apart,
-- overall stands in, headline), R4 (rating_status), P3 and R5 (worst case: what the deciding provider says of parts,
-- and the highest level that any provider gives to anything inside), F4 (stale).
-- All time is from year 1 to year 9999. Cut wherever a rating of the zone begins, ends or goes stale, then joined
-- again where nothing that is published differs.
with parameter as (
    select
        resolution,
        headline
    from reference.parameter
),

zone_node as (
    select distinct
        z.zone_key,
        n.node_key,
        n.specificity,
        n.is_inside
    from core.place_zone as z
    inner join core.place_node as n on z.place_key = n.place_key
),

ratings as (
    select
        n.node_key,
        p.provider_rank,
        r.provider,
        r.category,
        r.level,
        r.worst_case_level,
        r.evacuation_status,
        r.valid_from,
        coalesce(r.valid_to, timestamp '9999-01-01 00:00:00') as valid_to,
        least(coalesce(r.stale_from, p.stale_at), p.stale_at) as stale_from
    from core.rating_period as r
    inner join core.provider as p on r.provider = p.provider
    inner join core.rating_node as n on r.rating_id = n.rating_id
),

zone_rating as (
    select
        z.zone_key,
        z.specificity,
        z.is_inside,
        r.*
    from zone_node as z
    inner join ratings as r on z.node_key = r.node_key
),

zones as (
    select distinct zone_key
    from core.place_zone
),

boundaries as (
    select
        zone_key,
        timestamp '0001-01-01 00:00:00' as happens_at
    from zones
    union
    select
        zone_key,
        timestamp '9999-01-01 00:00:00' as happens_at
    from zones
    union
    select
        zone_key,
        valid_from as happens_at
    from zone_rating
    union
    select
        zone_key,
        valid_to as happens_at
    from zone_rating
    union
    select
        zone_key,
        stale_from as happens_at
    from zone_rating
    where stale_from > valid_from and stale_from < valid_to
),

slices as (
    select
        zone_key,
        happens_at as starts_at,
        lead(happens_at) over (partition by zone_key order by happens_at) as ends_at
    from boundaries
),

in_force as (
    select
        s.zone_key,
        s.starts_at,
        r.node_key,
        r.specificity,
        r.is_inside,
        r.provider_rank,
        r.provider,
        max(case when r.category = 'security' then r.level end) as security_own,
        max(case when r.category = 'medical' then r.level end) as medical_own,
        max(case when r.category = 'overall' then r.level end) as overall_own,
        max(r.worst_case_level) as worst_case_level,
        max(
            case r.evacuation_status
                when 'evacuate_full' then 3 when 'evacuate_nonessential' then 2 when 'standby' then 1 when 'none' then 0
            end
        ) as evacuation_rank,
        bool_or(s.starts_at >= r.stale_from) as is_stale
    from slices as s
    inner join zone_rating as r
        on s.zone_key = r.zone_key and s.starts_at >= r.valid_from and s.starts_at < r.valid_to
    where s.ends_at is not null
    group by s.zone_key, s.starts_at, r.node_key, r.specificity, r.is_inside, r.provider_rank, r.provider
),

by_category as (
    select
        zone_key,
        starts_at,
        'security' as category,
        specificity,
        is_inside,
        provider_rank,
        provider,
        coalesce(security_own, overall_own) as level,
        worst_case_level,
        is_stale
    from in_force
    where coalesce(security_own, overall_own) is not null
    union all
    select
        zone_key,
        starts_at,
        'medical' as category,
        specificity,
        is_inside,
        provider_rank,
        provider,
        coalesce(medical_own, overall_own) as level,
        worst_case_level,
        is_stale
    from in_force
    where coalesce(medical_own, overall_own) is not null
),

deciding as (
    select
        *,
        min(provider_rank) over (partition by zone_key, starts_at, category) as deciding_rank
    from by_category
    where not is_inside
),

-- Who decides is a matter of the place itself; the worst within it is what anybody says (P3).
inside as (
    select
        zone_key,
        starts_at,
        max(greatest(worst_case_level, level)) as worst_case
    from by_category
    where is_inside
    group by zone_key, starts_at
),

decided as (
    select
        zone_key,
        starts_at,
        category,
        max(provider) as provider,
        max(level) as highest,
        max(specificity) as finest,
        max(greatest(worst_case_level, level)) as worst_case,
        bool_or(is_stale) as is_stale
    from deciding
    where provider_rank = deciding_rank
    group by zone_key, starts_at, category
),

specific as (
    select
        d.zone_key,
        d.starts_at,
        d.category,
        max(d.level) as most_specific
    from deciding as d
    inner join decided as f
        on
            d.zone_key = f.zone_key and d.starts_at = f.starts_at and d.category = f.category
            and d.provider_rank = d.deciding_rank and d.specificity = f.finest
    group by d.zone_key, d.starts_at, d.category
),

evacuation as (
    select
        zone_key,
        starts_at,
        max(evacuation_rank) as evacuation_rank
    from in_force
    where not is_inside
    group by zone_key, starts_at
),

side_by_side as (
    select
        s.zone_key,
        s.starts_at,
        s.ends_at,
        max(case when d.category = 'security' then d.highest end) as security_highest,
        max(case when d.category = 'medical' then d.highest end) as medical_highest,
        max(case when d.category = 'security' then m.most_specific end) as security_most_specific,
        max(case when d.category = 'medical' then m.most_specific end) as medical_most_specific,
        max(case when d.category = 'security' then d.provider end) as security_provider,
        max(case when d.category = 'medical' then d.provider end) as medical_provider,
        max(d.worst_case) as worst_case,
        coalesce(bool_or(d.is_stale), false) as is_stale
    from slices as s
    left join decided as d on s.zone_key = d.zone_key and s.starts_at = d.starts_at
    left join specific as m on d.zone_key = m.zone_key and d.starts_at = m.starts_at and d.category = m.category
    where s.ends_at is not null
    group by s.zone_key, s.starts_at, s.ends_at
),

headlined as (
    select
        s.zone_key,
        s.starts_at,
        s.ends_at,
        case when p.resolution = 'highest' then s.security_highest else s.security_most_specific end as security_level,
        case when p.resolution = 'highest' then s.medical_highest else s.medical_most_specific end as medical_level,
        case p.headline
            when 'security' then coalesce(s.security_highest, s.medical_highest)
            when 'medical' then coalesce(s.medical_highest, s.security_highest)
            else greatest(
                coalesce(s.security_highest, s.medical_highest), coalesce(s.medical_highest, s.security_highest)
            )
        end as level_highest,
        case p.headline
            when 'security' then coalesce(s.security_most_specific, s.medical_most_specific)
            when 'medical' then coalesce(s.medical_most_specific, s.security_most_specific)
            else greatest(
                coalesce(s.security_most_specific, s.medical_most_specific),
                coalesce(s.medical_most_specific, s.security_most_specific)
            )
        end as level_most_specific,
        s.security_provider,
        s.medical_provider,
        greatest(s.worst_case, i.worst_case) as worst_case,
        s.is_stale,
        p.resolution,
        case e.evacuation_rank
            when 3 then 'evacuate_full' when 2 then 'evacuate_nonessential' when 1 then 'standby' when 0 then 'none'
        end as evacuation_status
    from side_by_side as s
    cross join parameter as p
    left join evacuation as e on s.zone_key = e.zone_key and s.starts_at = e.starts_at
    left join inside as i on s.zone_key = i.zone_key and s.starts_at = i.starts_at
),

levelled as (
    select
        zone_key,
        starts_at,
        ends_at,
        security_level,
        medical_level,
        level_highest,
        level_most_specific,
        case when resolution = 'highest' then level_highest else level_most_specific end as risk_level,
        worst_case,
        case when level_highest is null then 'unrated' when is_stale then 'stale' else 'rated' end as rating_status,
        evacuation_status,
        security_provider,
        medical_provider
    from headlined
),

compared as (
    select
        *,
        concat_ws(
            '|', coalesce(cast(security_level as varchar), '-'), coalesce(cast(medical_level as varchar), '-'),
            coalesce(cast(level_highest as varchar), '-'), coalesce(cast(level_most_specific as varchar), '-'),
            coalesce(cast(worst_case as varchar), '-'), rating_status, coalesce(evacuation_status, '-'),
            coalesce(security_provider, '-'), coalesce(medical_provider, '-')
        ) as said
    from levelled
),

marked as (
    select
        *,
        lag(said) over (partition by zone_key order by starts_at) as said_before
    from compared
),

numbered as (
    select
        *,
        sum(case when said = said_before then 0 else 1 end) over (
            partition by zone_key order by starts_at rows between unbounded preceding and current row
        ) as run_number
    from marked
)

select
    zone_key,
    min(starts_at) as starts_at,
    max(ends_at) as ends_at,
    max(security_level) as security_level,
    max(medical_level) as medical_level,
    max(level_highest) as level_highest,
    max(level_most_specific) as level_most_specific,
    max(risk_level) as risk_level,
    max(worst_case) as worst_case_level,
    max(rating_status) as rating_status,
    max(evacuation_status) as evacuation_status,
    max(security_provider) as security_provider,
    max(medical_provider) as medical_provider
from numbered
group by zone_key, run_number
