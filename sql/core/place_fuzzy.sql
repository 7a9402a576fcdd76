-- Grain: one row per part of a text that names nothing there, and the city that it most likely misspells.
-- Rules: P1 (no guess is silent: these are 'fuzzy', with a score, until an alias confirms them).
-- Why: only where the text or the feed says in which country or region to look, and only for one wrong, missing,
-- swapped or added letter (two in nine letters or more). Candidates share the first three letters, or the first and the
-- last three, which keeps the search small. Of equally near names a usual one counts before a by-name ('New Dehli' is
-- New Delhi, though Delhi is called so too), then the larger city.
with

place_text as (
    select
        place_text_number,
        country_hint
    from core.place_text
    where text_kind <> 'iata'
),

place_span as (
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        span_key
    from core.place_span
    where span_kind = 'part' and length(span_key) between 5 and 30 and not regexp_matches(span_key, '[0-9]')
),

container as (
    select distinct
        place_candidate.place_text_number,
        place_candidate.atom_number,
        place_candidate.country_code,
        place_candidate.region_code,
        place_candidate.place_type
    from core.place_candidate
    left join core.place_bracket
        on
            place_candidate.place_text_number = place_bracket.place_text_number
            and place_candidate.atom_number = place_bracket.atom_number
    where
        place_candidate.place_type in ('country', 'region')
        and place_candidate.name_kind <> 'alternate'
        and place_bracket.atom_number is null
),

spelling as (
    select
        name_key,
        name_start,
        name_end,
        place_id,
        country_code,
        region_code,
        parent_region_code,
        population,
        is_usual
    from reference.gazetteer_spelling
    where place_type = 'city'
),

-- A part that nothing is called, or nothing that the text supports ('Bogata, Colombia': there is one in Texas).
support as (
    select
        place_text_number,
        atom_number,
        max(support_score) as support_score,
        max(name_kind) as name_kind
    from core.place_candidate
    group by place_text_number, atom_number
),

unread as (
    select
        place_span.*,
        place_atom.atom_number as read_atom_number
    from place_span
    left join core.place_atom
        on
            place_span.place_text_number = place_atom.place_text_number
            and (
                place_atom.group_number = 0
                or (
                    place_span.group_number = place_atom.group_number
                    and place_span.piece_number = place_atom.piece_number
                    and (place_atom.part_number = 0 or place_span.part_number = place_atom.part_number)
                )
            )
    left join support
        on
            place_atom.place_text_number = support.place_text_number
            and place_atom.atom_number = support.atom_number
    where
        place_atom.atom_number is null
        or (support.support_score = 0 and support.name_kind <> 'misspelt' and place_atom.span_key = place_span.span_key)
),

-- The nearest country or region after the part, else what the feed says.
after_atom as (
    select
        unread.place_text_number,
        unread.group_number,
        unread.piece_number,
        unread.part_number,
        min(place_atom.atom_number) as atom_number
    from unread
    inner join core.place_atom
        on
            unread.place_text_number = place_atom.place_text_number
            and unread.group_number = place_atom.group_number
            and coalesce(unread.read_atom_number, 0) <> place_atom.atom_number
            and unread.piece_number * 100 + unread.part_number
            < place_atom.piece_number * 100 + place_atom.part_number
    inner join container
        on
            place_atom.place_text_number = container.place_text_number
            and place_atom.atom_number = container.atom_number
    group by unread.place_text_number, unread.group_number, unread.piece_number, unread.part_number
),

sought as (
    select
        unread.place_text_number,
        unread.group_number,
        unread.piece_number,
        unread.part_number,
        unread.span_key,
        unread.read_atom_number,
        container.country_code,
        case when container.place_type = 'region' then container.region_code end as region_code
    from unread
    inner join after_atom
        on
            unread.place_text_number = after_atom.place_text_number
            and unread.group_number = after_atom.group_number
            and unread.piece_number = after_atom.piece_number
            and unread.part_number = after_atom.part_number
    inner join container
        on
            after_atom.place_text_number = container.place_text_number
            and after_atom.atom_number = container.atom_number
    union
    select
        unread.place_text_number,
        unread.group_number,
        unread.piece_number,
        unread.part_number,
        unread.span_key,
        unread.read_atom_number,
        place_text.country_hint as country_code,
        cast(null as varchar) as region_code
    from unread
    inner join place_text on unread.place_text_number = place_text.place_text_number
    where place_text.country_hint is not null
),

word as (
    select distinct
        span_key,
        country_code,
        region_code,
        case when length(span_key) >= 9 then 2 else 1 end as typos_allowed
    from sought
),

near_start as (
    select
        word.*,
        spelling.place_id,
        spelling.population,
        spelling.is_usual,
        damerau_levenshtein(word.span_key, spelling.name_key) as typo_count
    from word
    inner join spelling
        on
            word.country_code = spelling.country_code
            and left(word.span_key, 3) = spelling.name_start
    where
        length(spelling.name_key)
        between length(word.span_key) - word.typos_allowed and length(word.span_key) + word.typos_allowed
        and (
            word.region_code is null
            or word.region_code = spelling.region_code
            or word.region_code = spelling.parent_region_code
        )
),

near_end as (
    select
        word.*,
        spelling.place_id,
        spelling.population,
        spelling.is_usual,
        damerau_levenshtein(word.span_key, spelling.name_key) as typo_count
    from word
    inner join spelling
        on
            word.country_code = spelling.country_code
            and left(word.span_key, 1) || right(word.span_key, 3) = spelling.name_end
    where
        length(spelling.name_key)
        between length(word.span_key) - word.typos_allowed and length(word.span_key) + word.typos_allowed
        and (
            word.region_code is null
            or word.region_code = spelling.region_code
            or word.region_code = spelling.parent_region_code
        )
),

measured as (
    select * from near_start
    where typo_count <= typos_allowed
    union all
    select * from near_end
    where typo_count <= typos_allowed
),

ranked as (
    select
        sought.place_text_number,
        sought.group_number,
        sought.piece_number,
        sought.part_number,
        sought.span_key,
        sought.read_atom_number,
        measured.place_id,
        sought.country_code,
        sought.region_code,
        round(1 - measured.typo_count / cast(length(sought.span_key) as double), 3) as match_score,
        row_number() over (
            partition by sought.place_text_number, sought.group_number, sought.piece_number, sought.part_number
            order by
                measured.typo_count asc,
                measured.is_usual desc,
                measured.population desc,
                measured.place_id asc,
                sought.region_code asc
        ) as choice_rank
    from sought
    inner join measured
        on
            sought.span_key = measured.span_key
            and sought.country_code = measured.country_code
            and coalesce(sought.region_code, '') = coalesce(measured.region_code, '')
)

select
    place_text_number,
    group_number,
    piece_number,
    part_number,
    span_key,
    read_atom_number,
    place_id,
    country_code,
    region_code,
    match_score
from ranked
where choice_rank = 1
