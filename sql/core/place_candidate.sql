-- Grain: one row per atom of a text and place that it may mean, with its support in the text.
-- Rules: P1, P4.
-- Why: another atom that names the country or region of a candidate supports it: most the nearest one after it in the
-- same group ('Chicago and Cleveland, United States'), less one before it ('Canada: Ottawa'), least one elsewhere. A
-- county stands for its state. What the feed says of the country restricts the candidates; what it says of the region
-- supports. The region hint of a rating is the type of the place that it rates.
with

place_text as (
    select
        place_text_number,
        text_kind,
        country_hint,
        case
            when text_kind = 'rating' then region_hint
            when region_hint like '__-%' then region_hint
            when region_hint is not null and country_hint is not null then country_hint || '-' || region_hint
        end as region_hint
    from core.place_text
),

place_atom as (
    select * from core.place_atom
),

place_hit as (
    select * from core.place_hit
),

candidate as (
    select
        place_atom.place_text_number,
        place_atom.atom_number,
        place_atom.group_number,
        place_hit.name_kind,
        place_hit.place_id,
        place_hit.place_type,
        place_hit.country_code,
        place_hit.region_code,
        place_hit.parent_region_code,
        place_hit.place_status,
        place_hit.name_weight,
        case
            when place_text.text_kind = 'rating' and place_text.region_hint = place_hit.place_type then 4000
            when place_text.region_hint in (place_hit.region_code, place_hit.parent_region_code) then 4000
            else 0
        end as hint_score
    from place_atom
    inner join place_text on place_atom.place_text_number = place_text.place_text_number
    inner join place_hit on place_atom.span_key = place_hit.span_key
    where
        (place_text.country_hint is null or place_hit.country_code = place_text.country_hint)
        and (
            case
                when place_text.text_kind = 'iata' then place_hit.name_kind = 'iata'
                when place_hit.name_kind = 'iata' then place_atom.is_iata_allowed
                when place_hit.name_kind = 'code' then place_atom.is_code_allowed
                else true
            end
        )
),

container as (
    select distinct
        place_text_number,
        atom_number,
        group_number,
        place_type,
        country_code,
        region_code
    from candidate
    where place_type in ('country', 'region')
),

supported as (
    select
        candidate.place_text_number,
        candidate.atom_number,
        candidate.place_id,
        candidate.name_kind,
        candidate.country_code,
        container.place_type as container_type,
        max(
            case
                when container.group_number <> candidate.group_number then 200
                when container.atom_number > candidate.atom_number then 1000
                else 500
            end
            - 10 * least(abs(container.atom_number - candidate.atom_number), 15)
            - case when candidate.name_kind = 'alternate' and container.place_type = 'region' then 25 else 0 end
        ) as support_score
    from candidate
    inner join container
        on
            candidate.place_text_number = container.place_text_number
            and candidate.country_code = container.country_code
    where
        candidate.atom_number <> container.atom_number
        and (
            (container.place_type = 'country' and candidate.place_type <> 'country')
            or (
                container.place_type = 'region'
                and (candidate.place_type in ('city', 'site') or candidate.name_kind = 'alternate')
                and container.region_code in (candidate.region_code, candidate.parent_region_code)
            )
        )
    group by
        candidate.place_text_number,
        candidate.atom_number,
        candidate.place_id,
        candidate.name_kind,
        candidate.country_code,
        container.place_type
),

support as (
    select
        place_text_number,
        atom_number,
        place_id,
        name_kind,
        country_code,
        max(support_score) as support_score
    from supported
    group by place_text_number, atom_number, place_id, name_kind, country_code
),

-- Places of one text tend to lie in one country: it decides between candidates that nothing supports.
neighbour as (
    select distinct
        place_text_number,
        atom_number,
        country_code
    from support
    where support_score >= 800
),

-- A code after a name that it does not hold is more likely one of the country where the name is best known.
before as (
    select
        place_text_number,
        group_number,
        atom_number + 1 as atom_number,
        country_code,
        row_number() over (
            partition by place_text_number, atom_number order by name_weight desc, place_id asc
        ) as name_rank
    from candidate
    where name_kind not in ('code', 'iata')
),

scored as (
    select
        candidate.place_text_number,
        candidate.atom_number,
        candidate.place_id,
        candidate.name_kind,
        candidate.country_code,
        max(coalesce(support.support_score, 0)) as support_score,
        max(case when before.name_rank is null then 0 else 2 end) as before_score,
        count(distinct neighbour.atom_number) as neighbour_count
    from candidate
    left join support
        on
            candidate.place_text_number = support.place_text_number
            and candidate.atom_number = support.atom_number
            and candidate.place_id = support.place_id
            and candidate.name_kind = support.name_kind
            and candidate.country_code = support.country_code
    left join neighbour
        on
            candidate.place_text_number = neighbour.place_text_number
            and candidate.country_code = neighbour.country_code
            and candidate.atom_number <> neighbour.atom_number
    left join before
        on
            candidate.place_text_number = before.place_text_number
            and candidate.group_number = before.group_number
            and candidate.atom_number = before.atom_number
            and candidate.country_code = before.country_code
            and candidate.name_kind = 'code'
            and before.name_rank = 1
    group by
        candidate.place_text_number,
        candidate.atom_number,
        candidate.place_id,
        candidate.name_kind,
        candidate.country_code
)

select
    candidate.place_text_number,
    candidate.atom_number,
    candidate.group_number,
    candidate.name_kind,
    candidate.place_id,
    candidate.place_type,
    candidate.country_code,
    candidate.region_code,
    candidate.parent_region_code,
    candidate.place_status,
    candidate.name_weight,
    scored.support_score,
    cast(scored.neighbour_count + scored.before_score as bigint) as neighbour_count,
    row_number() over (
        partition by candidate.place_text_number, candidate.atom_number
        order by
            scored.support_score
            + candidate.hint_score
            + 3 * least(scored.neighbour_count, 3)
            + scored.before_score desc,
            candidate.name_weight desc,
            candidate.place_id asc,
            candidate.name_kind asc,
            candidate.country_code asc
    ) as choice_rank
from candidate
inner join scored
    on
        candidate.place_text_number = scored.place_text_number
        and candidate.atom_number = scored.atom_number
        and candidate.place_id = scored.place_id
        and candidate.name_kind = scored.name_kind
        and candidate.country_code = scored.country_code
