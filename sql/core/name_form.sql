-- Grain: written name x form in which it may be compared (family|given) x what was left out as a middle name.
-- Rules: S10 (names in the forms that feeds use).
-- Why: a name is compared by equality of forms, so that the work grows with the number of names, not with its square.
--   Written names are those of the roster ("family, given") and those of claims that no id or address settles,
--   or whose name is doubtful beside it.
--   Accents, hyphens, apostrophes, titles and the spaces of particles go: DELACRUZ is "de la Cruz". What is written in
--   two ways has two spellings: "Müller" is muller and mueller, "Bjørn" bjorn and bjoern; "Groß" is gross.
--   Particles after the given name belong to the family name as well: "Berg, Jan van der".
--   "FAMILY/GIVEN MR" and "Family, Given" say what is what; a title glued to the given name is tried with and without.
--   Other texts are split at every word, in both orders.
--   A child and a younger bearer of the name are other people than who bears it without: chd, inf and mstr, jr, ii and
--   iii stay in the form (smith|john#jr). All but a child also have the forms without it (is_unmarked), because some
--   systems drop it.
-- form_level: 0 the whole name; 1 family and given name exchanged although the text says which is which; 2 a nickname's
-- full name, or without middle names or initials; 3 weak, counts only beside another key: an initial for the given
-- name, one part of a double family name, a word that may be a middle name. A particle is no such part.
with people as (
    select roster_name
    from stage.person
),

claims as (
    select traveller_name
    from core.identity_claim
    where (not is_settled or is_name_doubtful) and traveller_name is not null
),

nicknames as (
    select distinct
        lower(nickname) as nickname,
        lower(strip_accents(given_name)) as given_name
    from reference.nickname
),

written as (
    select roster_name as name_text
    from people
    where roster_name <> ''
    union
    select traveller_name as name_text
    from claims
),

lowered as (
    select
        name_text,
        replace(
            replace(replace(replace(lower(nfc_normalize(name_text)), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'
        ) as spelling
    from written
),

spelled as (
    select
        name_text,
        translate(spelling, 'øłđðı', 'olddi') as spelling
    from lowered
    union all
    select
        name_text,
        replace(
            replace(
                replace(
                    replace(replace(replace(translate(spelling, 'łðı', 'ldi'), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'),
                    'ø', 'oe'
                ),
                'å', 'aa'
            ),
            'đ', 'dj'
        ) as spelling
    from lowered
    where regexp_matches(spelling, '[äöüøåđ]')
),

plain as (
    select
        name_text,
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    case
                        when
                            regexp_matches(spelling, '[\x{0780}-\x{1cff}\x{3040}-\x{30ff}\x{a800}-\x{aaff}]')
                            or regexp_matches(spelling, '[\x{ff66}-\x{ff9f}\x{11000}-\x{11fff}]')
                            then spelling
                        else strip_accents(spelling)
                    end,
                    '[''’‘ʼʻ`´]', '', 'g'
                ),
                '[‐‑‒–—]', '-', 'g'
            ),
            '[^\p{L}\p{M}\p{N},/-]+', ' ', 'g'
        ) as spelling
    from spelled
),

marked as (
    select
        name_text,
        spelling,
        case
            when
                regexp_matches(spelling, '\b(chd|chld|cnn|inf|inft|mstr)[0-9]*\b')
                or regexp_matches(spelling, '/.*([^ /]{2}(chd|inf|mstr)| (child|infant)) *$')
                then '#child'
            when regexp_matches(spelling, '\bjn?r\b') then '#jr'
            when regexp_matches(spelling, '\biii\b') then '#iii'
            when regexp_matches(spelling, '\p{L} +ii\b') then '#ii'
            else ''
        end as mark
    from plain
),

untitled as (
    select
        name_text,
        mark,
        regexp_replace(
            case
                when mark = '#child'
                    then regexp_replace(spelling, '(chd|chld|cnn|inf|inft|mstr|child|infant)[0-9]* *$', '')
                else spelling
            end,
            '\b(mrs?|ms|miss|mx|mstr|dr|prof|professor|sir|dame|rev|jn?r|sr|phd|esq|chd|inf|mme|mlle|herr|frau)\b'
            || '|\b(chd|chld|cnn|inf|inft|mstr)[0-9]*\b|\biii?\b',
            ' ', 'g'
        ) as spelling,
        case when spelling like '%/%' then '/' when spelling like '%,%' then ',' else '' end as divider
    from marked
),

divided as (
    select distinct
        name_text,
        mark,
        divider,
        trim(regexp_replace(
            case when divider = '' then spelling else split_part(spelling, divider, 1) end, '[ ,/]+', ' ', 'g'
        )) as first_part,
        trim(regexp_replace(
            case when divider = '' then '' else substr(spelling, strpos(spelling, divider) + 1) end, '[ ,/]+', ' ', 'g'
        )) as second_part
    from untitled
),

explicit as (
    select
        name_text,
        mark,
        divider,
        first_part,
        second_part,
        trim(regexp_extract(
            second_part, '[^ ]( (de|la|las|los|del|da|do|dos|das|di|du|van|von|der|den|ter|ten|zu|vom|af|av|op|t))+$', 0
        )) as tail,
        regexp_replace(second_part, '(mrs|mr|ms|miss|dr|prof)$', '') as untitled_part
    from divided
    where first_part <> '' and second_part <> ''
),

free as (
    select
        name_text,
        mark,
        string_split(trim(concat(first_part, ' ', second_part)), ' ') as words
    from divided
    where (first_part = '' or second_part = '') and first_part <> second_part
),

cut as (
    select
        name_text,
        mark,
        words,
        unnest(range(1, least(len(words), 8))) as place
    from free
),

pairs as (
    select
        name_text,
        mark,
        first_part as family,
        second_part as given,
        true as is_explicit,
        0 as order_rank
    from explicit
    union all
    select
        name_text,
        mark,
        second_part as family,
        first_part as given,
        true as is_explicit,
        1 as order_rank
    from explicit
    union all
    select
        name_text,
        mark,
        first_part as family,
        untitled_part as given,
        true as is_explicit,
        0 as order_rank
    from explicit
    where divider = '/' and untitled_part <> second_part and length(trim(untitled_part)) >= 2
    union all
    select
        name_text,
        mark,
        concat(substr(tail, 3), ' ', first_part) as family,
        trim(left(second_part, length(second_part) - length(tail) + 1)) as given,
        true as is_explicit,
        0 as order_rank
    from explicit
    where tail <> ''
    union all
    select
        name_text,
        mark,
        array_to_string(list_slice(words, place + 1, len(words)), ' ') as family,
        array_to_string(list_slice(words, 1, place), ' ') as given,
        false as is_explicit,
        0 as order_rank
    from cut
    union all
    select
        name_text,
        mark,
        array_to_string(list_slice(words, 1, place), ' ') as family,
        array_to_string(list_slice(words, place + 1, len(words)), ' ') as given,
        false as is_explicit,
        0 as order_rank
    from cut
    union all
    select
        name_text,
        mark,
        words[1] as family,
        '' as given,
        false as is_explicit,
        0 as order_rank
    from free
    where len(words) = 1
),

parts as (
    select
        name_text,
        mark,
        family,
        order_rank,
        regexp_replace(family, '[ -]', '', 'g') as family_key,
        regexp_replace(given, '[ -]', '', 'g') as given_key,
        replace(split_part(given, ' ', 1), '-', '') as first_key,
        case
            when given like '% %' then regexp_replace(substr(given, strpos(given, ' ') + 1), '[ -]', '', 'g') else ''
        end as middle,
        case
            when is_explicit or not given like '% %' or regexp_matches(given, '^[^ ]+( \p{L})+$') then 2 else 3
        end as short_rank
    from pairs
),

forms as (
    select
        name_text,
        mark,
        concat(family_key, '|', given_key) as form,
        '' as middle,
        0 as form_rank,
        order_rank
    from parts
    union all
    select
        name_text,
        mark,
        concat(family_key, '|', first_key) as form,
        middle,
        case when length(first_key) = 1 then 3 else short_rank end as form_rank,
        order_rank
    from parts
    where middle <> ''
    union all
    select
        p.name_text,
        p.mark,
        concat(p.family_key, '|', n.given_name) as form,
        p.middle,
        p.short_rank as form_rank,
        p.order_rank
    from parts as p
    inner join nicknames as n on p.first_key = n.nickname
    union all
    select
        name_text,
        mark,
        concat(family_key, '|', left(first_key, 1)) as form,
        middle,
        3 as form_rank,
        order_rank
    from parts
    where length(first_key) > 1
    union all
    select
        name_text,
        mark,
        concat(unnest(string_split(regexp_replace(family, '[ -]+', ' ', 'g'), ' ')), '|', given_key) as form,
        '' as middle,
        3 as form_rank,
        order_rank
    from parts
    where regexp_matches(family, '[ -]')
),

kept as (
    select
        name_text,
        mark,
        form,
        middle,
        greatest(form_rank, order_rank) as form_level
    from forms
    where
        form_rank = 0
        or not regexp_matches(
            form,
            '^(de|la|las|los|del|da|do|dos|das|di|du|le|lo|van|von|der|den|ter|ten|bin|al|el|abu|st|y|e|ap|mac|o|ben)'
            || '[|]'
        )
),

all_forms as (
    select
        name_text,
        concat(form, mark) as form,
        middle,
        false as is_unmarked,
        form_level
    from kept
    union all
    select
        name_text,
        form,
        middle,
        true as is_unmarked,
        form_level
    from kept
    where mark not in ('', '#child')
)

select
    name_text,
    form,
    middle,
    is_unmarked,
    min(form_level) as form_level
from all_forms
group by name_text, form, middle, is_unmarked
