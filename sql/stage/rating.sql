-- Grain: one row per rating claim that a provider made: provider x category x place text x instant.
-- Rules: R1 (from when it holds), R5 (native levels map by table only), F4 (a fault never lowers or clears a level).
-- A native text is looked up as it stands and then with the place's own name taken out ("… to parts of {place}.").
-- The provider '*' serves only providers without a scale of their own: else Canada's state 4 would mean High.
with claim as (
    select
        feed,
        file_number,
        record_number,
        received_at,
        published_at,
        coalesce(valid_from, published_at, received_at) as valid_from,
        lower(trim(provider)) as provider,
        coalesce(lower(category), 'overall') as category,
        coalesce(lower(place_type), 'country') as place_type,
        nullif(trim(place), '') as place,
        nullif(trim(level), '') as native_level,
        lower(trim(level)) as level_text,
        lower(coalesce(trim(place), '')) as place_word,
        evacuation_status,
        latitude,
        longitude,
        radius_km,
        note,
        coalesce(change, '') = 'removed' as is_removed,
        lower(trim(provider)) like 'invented%' or lower(coalesce(trim(note), '')) like 'invented%' as is_invented
    from land.ratings
    where is_current
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
            when claim.is_removed then 'removed'
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

-- The same text of a place had a level before: only such a fault can make a level stale (F4). A faulty twin name that
-- never carried a level ("Bahamas" beside "The Bahamas") says nothing about the other.
followed as (
    select
        *,
        coalesce(
            max(case when fault_reason is null then 1 else 0 end) over (
                partition by provider, category, place_type, place
                order by valid_from, received_at, file_number, record_number
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) = 1 as has_earlier_level
    from judged
)

select
    provider,
    category,
    place_type,
    place,
    case when fault_reason is null then mapped_level end as level,
    case when fault_reason is null then mapped_worst_case_level end as worst_case_level,
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
    fault_reason is not null as is_fault,
    fault_reason,
    fault_reason is not null and has_earlier_level as makes_stale,
    feed,
    file_number,
    record_number
from followed
