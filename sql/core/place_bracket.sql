-- Grain: one row per country's name in a text that a bracket beside it makes precise.
-- Rules: P1, P4.
-- Why: 'Congo (DRC)' and 'DRC (Congo)' are one country, 'Korea (DPRK)' too: of two countries side by side, one of them
-- in brackets, that whose name has the other word in it is meant alone. Without brackets both may be ('Congo, DRC').
with

place_text as (
    select
        place_text_number,
        lower(cased_text) as written
    from core.place_text
    where contains(cased_text, '(')
),

country as (
    select
        place_candidate.place_text_number,
        place_candidate.group_number,
        place_candidate.atom_number,
        place_candidate.span_key,
        place_candidate.country_code,
        place_candidate.name_kind,
        place_text.written
    from core.place_candidate
    inner join place_text on place_candidate.place_text_number = place_text.place_text_number
    where place_candidate.choice_rank = 1 and place_candidate.place_type = 'country'
),

gazetteer_country as (
    select
        place_id,
        ' ' || lower(strip_accents(place_name)) || ' ' as country_name
    from reference.gazetteer_place
    where place_type = 'country'
)

select distinct
    vague.place_text_number,
    vague.atom_number
from country as vague
inner join country as precise
    on
        vague.place_text_number = precise.place_text_number
        and vague.group_number = precise.group_number
        and vague.country_code <> precise.country_code
inner join gazetteer_country on precise.country_code = gazetteer_country.place_id
where
    abs(vague.atom_number - precise.atom_number) = 1
    and vague.name_kind <> 'home'
    and contains(gazetteer_country.country_name, ' ' || vague.span_key || ' ')
    and contains(
        vague.written,
        '(' || case when vague.atom_number > precise.atom_number then vague.span_key else precise.span_key end || ')'
    )
