-- Grain: one row per distinct text of stage.place_text, numbered.
-- Rules: P1 (case, accents and punctuation do not count), P4 (cuts between places are kept as marks).
-- Why: every later step works on the number and the folded text. Commas, brackets, slashes and dashes between blanks
-- become ' , ', semicolons and line ends ' ; '. The folding equals that of the gazetteer's names
-- (pipelines/places/normal.py); a test holds the two together. A code that moved from one airport to another comes with
-- the day of its flight ('iata 2014-05-03').
with

place_text as (
    select
        place_text,
        country_hint,
        region_hint,
        text_kind
    from stage.place_text
),

plain as (
    select
        *,
        replace(
            replace(
                replace(
                    replace(
                        replace(
                            replace(
                                replace(
                                    replace(replace(strip_accents(lower(place_text)), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'
                                ),
                                'þ',
                                'th'
                            ),
                            'ø',
                            'o'
                        ),
                        'ł',
                        'l'
                    ),
                    'đ',
                    'd'
                ),
                'ð',
                'd'
            ),
            'ı',
            'i'
        ) as folded
    from place_text
),

unquoted as (
    select
        *,
        replace(
            replace(
                replace(' ' || regexp_replace(folded, '[''’‘`´ʼʻʿ"“”]', '', 'g'), ' st.', ' st '), '. ', ' '
            ),
            '.',
            ''
        ) as unquoted
    from plain
),

cut as (
    select
        *,
        regexp_replace(
            regexp_replace(unquoted, '[;|\n\r]+', ' ; ', 'g'), '\s+[-–—]+\s+|[,():/]+', ' , ', 'g'
        ) as cut
    from unquoted
),

worded as (
    select
        *,
        ' '
        || regexp_replace(regexp_replace(cut, '[&+]+', ' and ', 'g'), '[^\p{L}\p{M}\p{N},;]+', ' ', 'g')
        || ' ' as worded
    from cut
),

marked as (
    select
        *,
        replace(replace(replace(worded, ' st ', ' saint '), ' ste ', ' sainte '), ' ft ', ' fort ') as marked
    from worded
)

select
    cast(row_number() over (order by text_kind, place_text, country_hint, region_hint) as integer) as place_text_number,
    place_text,
    country_hint,
    region_hint,
    split_part(text_kind, ' ', 1) as text_kind,
    text_kind as stated_kind,
    try_cast(nullif(split_part(text_kind, ' ', 2), '') as date) as text_date,
    coalesce(marked, '') as marked_text,
    coalesce(trim(regexp_replace(marked, '[ ,;]+', ' ', 'g')), '') as text_key,
    replace(coalesce(strip_accents(place_text), ''), '.', '') as cased_text
from marked
order by place_text_number
