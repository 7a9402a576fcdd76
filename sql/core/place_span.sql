-- Grain: one row per span of a text that may name a place.
-- Rules: P1, P4.
-- Why: a text is cut at semicolons into groups and at commas into pieces; a piece at 'and' into parts; a part also
-- between its words ('Calgary Alberta') and without a general word ('Greater Toronto'). Two neighbouring pieces, and
-- the whole text, are tried together for names with a comma in them ('Korea, Republic of'). Which spans count is
-- decided later, when it is known which of them name anything: 'Trinidad and Tobago' stays whole.
with

place_text as (
    select
        place_text_number,
        text_kind,
        marked_text,
        text_key
    from core.place_text
    where text_key <> ''
),

grouped as (
    select
        place_text_number,
        string_split(marked_text, ' ; ') as group_texts
    from place_text
    where text_kind <> 'iata'
),

group_numbered as (
    select
        *,
        unnest(range(1, len(group_texts) + 1)) as group_number
    from grouped
),

pieced as (
    select
        place_text_number,
        group_number,
        string_split(group_texts[group_number], ' , ') as piece_texts
    from group_numbered
),

piece_numbered as (
    select
        *,
        unnest(range(1, len(piece_texts) + 1)) as piece_number
    from pieced
),

-- Marks next to each other leave empty pieces; those are dropped and the rest numbered anew.
piece as (
    select
        place_text_number,
        group_number,
        row_number() over (partition by place_text_number, group_number order by piece_number) as piece_number,
        trim(regexp_replace(piece_texts[piece_number], '[ ,;]+', ' ', 'g')) as piece_text
    from piece_numbered
    where trim(regexp_replace(piece_texts[piece_number], '[ ,;]+', ' ', 'g')) <> ''
),

paired as (
    select
        place_text_number,
        group_number,
        piece_number,
        piece_text
        || ' '
        || lead(piece_text) over (partition by place_text_number, group_number order by piece_number) as pair_text
    from piece
),

-- A piece without 'and' is its own only part.
parted as (
    select
        place_text_number,
        group_number,
        piece_number,
        string_split(regexp_replace(' ' || piece_text, ' (and|et|und|to|via) ', ' , ', 'g'), ' , ') as part_texts
    from piece
),

part_numbered as (
    select
        *,
        unnest(range(1, len(part_texts) + 1)) as part_number
    from parted
),

part as (
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        trim(part_texts[part_number]) as part_text,
        string_split(trim(part_texts[part_number]), ' ') as words
    from part_numbered
    where trim(part_texts[part_number]) <> ''
),

-- A name with 'and' in it among others: 'Newfoundland and Labrador and Ottawa'.
joined as (
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        part_text
        || ' and '
        || lead(part_text) over (
            partition by place_text_number, group_number, piece_number order by part_number
        ) as joint_text
    from part
),

bare as (
    select
        *,
        trim(
            regexp_replace(
                part_text,
                '^(and|the|city of|greater|downtown|central|near|town of|village of|state of|province of|region of'
                || '|island of|republic of) | (city|area|region|province|state|district|town|village|island|suburbs'
                || '|metropolitan area|international airport|airport)$',
                '',
                'g'
            )
        ) as bare_text
    from part
),

cut_numbered as (
    select
        *,
        unnest(range(1, len(words))) as cut_number
    from part
    where len(words) between 2 and 7
),

cut as (
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        cut_number,
        array_to_string(words[1:cut_number], ' ') as head_text,
        array_to_string(words[cut_number + 1:len(words)], ' ') as tail_text
    from cut_numbered
),

span as (
    select
        place_text_number,
        0 as group_number,
        0 as piece_number,
        0 as part_number,
        0 as cut_number,
        'whole' as span_kind,
        text_key as span_key
    from place_text
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        0 as part_number,
        0 as cut_number,
        'pair' as span_kind,
        pair_text as span_key
    from paired
    where pair_text is not null
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        0 as part_number,
        0 as cut_number,
        'piece' as span_kind,
        piece_text as span_key
    from piece
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        0 as cut_number,
        'part' as span_kind,
        part_text as span_key
    from part
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        0 as cut_number,
        'joint' as span_kind,
        joint_text as span_key
    from joined
    where joint_text is not null
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        0 as cut_number,
        'bare' as span_kind,
        bare_text as span_key
    from bare
    where bare_text <> part_text and bare_text <> ''
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        cut_number,
        'head' as span_kind,
        head_text as span_key
    from cut
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        cut_number,
        'tail' as span_kind,
        tail_text as span_key
    from cut
)

select
    place_text_number,
    cast(group_number as integer) as group_number,
    cast(piece_number as integer) as piece_number,
    cast(part_number as integer) as part_number,
    cast(cut_number as integer) as cut_number,
    span_kind,
    span_key
from span
