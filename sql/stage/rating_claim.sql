-- Grain: one row per rating claim as received: provider x category x place text x file, with our level.
-- Rules: R5 (native levels map by table only), F4 (what a full statement leaves out is a fault).
-- A native text is looked up as it stands and then with the place's own name taken out ("… to parts of {place}.").
-- The provider '*' serves only providers without a scale of their own: else Canada's state 4 would mean High.
-- A feed in mode snapshot states all its places in each file: a place that the next file leaves out gives a claim
-- without a level at that file's receipt, with a negative record number. Older statements stay: they are the history.
with feeds as (
    select
        feed,
        mode = 'snapshot' as is_full
    from land.feed
    where table_name = 'ratings'
),

files as (
    select
        f.feed,
        f.file_number,
        f.part,
        f.received_at,
        row_number() over (partition by f.feed, f.part order by f.file_number) as file_index
    from land.file as f
    inner join feeds as d on f.feed = d.feed
    where d.is_full and f.status = 'loaded'
),

claim as (
    select
        r.feed,
        r.file_number,
        r.record_number,
        r.received_at,
        r.published_at,
        r.valid_from,
        coalesce(d.is_full, false) and r.valid_from is null as is_statement,
        lower(trim(r.provider)) as provider,
        coalesce(lower(r.category), 'overall') as category,
        coalesce(lower(r.place_type), 'country') as place_type,
        nullif(trim(r.place), '') as place,
        c.country_code,
        nullif(trim(r.level), '') as native_level,
        lower(trim(r.level)) as level_text,
        lower(coalesce(trim(r.place), '')) as place_word,
        r.evacuation_status,
        r.latitude,
        r.longitude,
        r.radius_km,
        r.note,
        coalesce(r.change, '') as change,
        lower(trim(r.provider)) like 'invented%' or lower(coalesce(trim(r.note), '')) like 'invented%' as is_invented
    from land.ratings as r
    left join feeds as d on r.feed = d.feed
    left join stage.country_text as c on r.country_code = c.country_text
    where r.is_current or coalesce(d.is_full, false)
),

scale as (
    select
        provider,
        category,
        native_level,
        level,
        coalesce(worst_case_level, level) as worst_case_level,
        coalesce(has_regional_advice, false) as has_regional_advice,
        coalesce(is_flagged, false) as is_flagged
    from reference.rating_scale
),

scale_owner as (
    select distinct provider
    from scale
    where provider <> '*'
),

claim_text as (
    select distinct
        claim.provider,
        claim.category,
        claim.place_word,
        claim.level_text,
        replace(claim.level_text, claim.place_word, '{place}') as level_text_without_place,
        coalesce(scale_owner.provider, '*') as scale_provider
    from claim
    left join scale_owner on claim.provider = scale_owner.provider
    where claim.native_level is not null
),

-- A category's own row beats '*', the whole text beats the text without the place.
mapped as (
    select
        claim_text.provider,
        claim_text.category,
        claim_text.place_word,
        claim_text.level_text,
        scale.level,
        scale.worst_case_level,
        scale.has_regional_advice,
        scale.is_flagged,
        row_number() over (
            partition by claim_text.provider, claim_text.category, claim_text.place_word, claim_text.level_text
            order by
                case when scale.category = '*' then 1 else 0 end,
                case when scale.native_level = claim_text.level_text then 0 else 1 end
        ) as preference
    from claim_text
    inner join scale
        on
            claim_text.scale_provider = scale.provider
            and scale.native_level in (claim_text.level_text, claim_text.level_text_without_place)
            and scale.category in (claim_text.category, '*')
),

judged as (
    select
        claim.*,
        mapped.level as mapped_level,
        mapped.worst_case_level as mapped_worst_case_level,
        mapped.has_regional_advice,
        mapped.is_flagged,
        case
            when claim.place is null and claim.latitude is null then 'no_place'
            when claim.change = 'released' then null
            when claim.change = 'removed' then 'removed'
            when claim.native_level is null then 'no_level'
            when mapped.level is null then 'unmapped_level'
        end as fault_reason
    from claim
    left join mapped
        on
            claim.provider = mapped.provider
            and claim.category = mapped.category
            and claim.place_word = mapped.place_word
            and claim.level_text = mapped.level_text
            and mapped.preference = 1
),

stated as (
    select distinct
        c.feed,
        c.provider,
        c.category,
        c.place_type,
        c.place,
        f.part,
        f.file_index
    from claim as c
    inner join files as f on c.feed = f.feed and c.file_number = f.file_number
    where c.place is not null
),

-- The file after the last in an unbroken row of files that state the place, if there is such a file.
left_out as (
    select
        s.*,
        lead(s.file_index) over (
            partition by s.feed, s.part, s.provider, s.category, s.place_type, s.place order by s.file_index
        ) as next_index
    from stated as s
),

missing as (
    select
        m.feed,
        f.file_number,
        cast(-row_number() over (
            partition by f.file_number order by m.provider, m.category, m.place_type, m.place
        ) as bigint) as record_number,
        f.received_at,
        m.provider,
        m.category,
        m.place_type,
        m.place
    from left_out as m
    inner join files as f
        on m.feed = f.feed and m.part is not distinct from f.part and m.file_index + 1 = f.file_index
    where m.next_index is distinct from m.file_index + 1
)

select
    provider,
    category,
    place_type,
    place,
    country_code,
    case when fault_reason is null and change <> 'released' then mapped_level end as level,
    case when fault_reason is null and change <> 'released' then mapped_worst_case_level end as worst_case_level,
    fault_reason is null and coalesce(has_regional_advice, false) as has_regional_advice,
    fault_reason is null and coalesce(is_flagged, false) as is_flagged,
    native_level,
    evacuation_status,
    valid_from,
    published_at,
    received_at,
    latitude,
    longitude,
    radius_km,
    note,
    is_invented,
    change = 'released' and fault_reason is null as is_release,
    fault_reason is not null as is_fault,
    fault_reason,
    is_statement,
    feed,
    file_number,
    record_number
from judged
union all
select
    provider,
    category,
    place_type,
    place,
    cast(null as varchar) as country_code,
    cast(null as integer) as level,
    cast(null as integer) as worst_case_level,
    false as has_regional_advice,
    false as is_flagged,
    cast(null as varchar) as native_level,
    cast(null as varchar) as evacuation_status,
    cast(null as timestamp) as valid_from,
    cast(null as timestamp) as published_at,
    received_at,
    cast(null as double) as latitude,
    cast(null as double) as longitude,
    cast(null as double) as radius_km,
    cast(null as varchar) as note,
    false as is_invented,
    false as is_release,
    true as is_fault,
    'left_out' as fault_reason,
    true as is_statement,
    feed,
    file_number,
    record_number
from missing
