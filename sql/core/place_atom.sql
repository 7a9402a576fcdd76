-- Grain: one row per span of a text that is read as a place name.
-- Rules: P1, P4.
-- Why: of the overlapping spans of core.place_span the largest that names something is read: the whole text or a pair
-- of pieces if a country, region or alias is called so, else the piece, else its parts, else a part without its general
-- word, else a part cut into a place and what holds it. A part that names nothing is not read and not guessed. Of a
-- rating it is told what was left unread: a place of which only the country is known is not the country.
with

place_text as (
    select
        place_text_number,
        text_kind,
        cased_text
    from core.place_text
),

-- What kinds of thing a span text can name.
named as (
    select
        span_key,
        max(case when name_kind not in ('code', 'iata') then 1 else 0 end) as has_name,
        max(
            case
                when name_kind in ('alias', 'home') then 1
                when name_kind = 'name' and place_type in ('country', 'region') then 1
                else 0
            end
        ) as has_area_name,
        max(case when name_kind in ('code', 'iata') then 1 else 0 end) as has_code,
        max(case when name_kind = 'code' then 1 else 0 end) as has_area_code
    from core.place_hit
    group by span_key
),

-- A code inside a longer piece counts only in capitals: 'in', 'me' and 'la' are words.
readable as (
    select
        place_span.*,
        place_text.text_kind,
        named.has_name,
        named.has_area_name,
        named.has_code,
        case when contains(place_text.cased_text, upper(place_span.span_key)) then 1 else 0 end as is_capital,
        case
            when named.has_area_name = 1 then 1
            when named.has_area_code = 1 and contains(place_text.cased_text, upper(place_span.span_key)) then 1
            else 0
        end as is_area
    from core.place_span
    inner join place_text on place_span.place_text_number = place_text.place_text_number
    inner join named on place_span.span_key = named.span_key
),

whole as (
    select *
    from readable
    where
        span_kind = 'whole'
        and (text_kind = 'iata' or has_area_name = 1)
),

pair as (
    select *
    from readable
    where
        span_kind = 'pair'
        and has_area_name = 1
        and place_text_number not in (select place_text_number from whole)
),

-- The pieces that a whole or a pair has taken.
taken as (
    select
        place_text_number,
        group_number,
        piece_number
    from pair
    union
    select
        place_text_number,
        group_number,
        piece_number + 1 as piece_number
    from pair
),

open_span as (
    select readable.*
    from readable
    left join whole on readable.place_text_number = whole.place_text_number
    left join taken
        on
            readable.place_text_number = taken.place_text_number
            and readable.group_number = taken.group_number
            and readable.piece_number = taken.piece_number
    where
        whole.place_text_number is null
        and taken.place_text_number is null
        and readable.span_kind not in ('whole', 'pair')
),

piece as (
    select *
    from open_span
    where span_kind = 'piece' and (has_name = 1 or has_code = 1)
),

open_part as (
    select open_span.*
    from open_span
    left join piece
        on
            open_span.place_text_number = piece.place_text_number
            and open_span.group_number = piece.group_number
            and open_span.piece_number = piece.piece_number
    where piece.place_text_number is null and open_span.span_kind <> 'piece'
),

joint as (
    select *
    from open_part
    where span_kind = 'joint' and has_area_name = 1
),

joint_taken as (
    select
        place_text_number,
        group_number,
        piece_number,
        part_number
    from joint
    union
    select
        place_text_number,
        group_number,
        piece_number,
        part_number + 1 as part_number
    from joint
),

cut_span as (
    select
        tail.place_text_number,
        tail.group_number,
        tail.piece_number,
        tail.part_number,
        tail.cut_number,
        tail.span_key as tail_key,
        tail.is_area as is_tail_area,
        tail.has_area_name as has_tail_area_name,
        head.span_key as head_key,
        head.is_area as is_head_area
    from open_part as tail
    left join open_part as head
        on
            tail.place_text_number = head.place_text_number
            and tail.group_number = head.group_number
            and tail.piece_number = head.piece_number
            and tail.part_number = head.part_number
            and tail.cut_number = head.cut_number
            and head.span_kind = 'head'
            and head.has_name = 1
    where tail.span_kind = 'tail'
),

-- A country or region that is followed, without a comma, by the next city of the list: what comes after the comma holds
-- that city ('Vancouver, British Columbia Agassiz, British Columbia').
next_area as (
    select distinct
        open_span.place_text_number,
        open_span.group_number,
        open_span.piece_number - 1 as piece_number,
        place_hit.country_code,
        place_hit.place_type,
        place_hit.region_code
    from open_span
    inner join core.place_hit on open_span.span_key = place_hit.span_key
    where
        open_span.span_kind in ('piece', 'head')
        and open_span.is_area = 1
        and open_span.piece_number > 2
        and place_hit.place_type in ('country', 'region')
),

listed as (
    select distinct
        cut_span.place_text_number,
        cut_span.group_number,
        cut_span.piece_number,
        cut_span.part_number,
        cut_span.cut_number
    from cut_span
    inner join next_area
        on
            cut_span.place_text_number = next_area.place_text_number
            and cut_span.group_number = next_area.group_number
            and cut_span.piece_number = next_area.piece_number
    inner join core.place_hit as tail_hit
        on
            cut_span.tail_key = tail_hit.span_key
            and tail_hit.country_code = next_area.country_code
            and tail_hit.place_type = 'city'
            and tail_hit.name_kind <> 'alternate'
            and (
                next_area.place_type = 'country'
                or next_area.region_code in (tail_hit.region_code, tail_hit.parent_region_code)
            )
    where cut_span.is_head_area = 1
),

-- One side must hold the other: 'Lac Saint-Jean' is no lake in a place called Saint-Jean.
holding as (
    select distinct
        cut_span.head_key,
        cut_span.tail_key
    from cut_span
    inner join core.place_hit as head_hit on cut_span.head_key = head_hit.span_key
    inner join core.place_hit as tail_hit
        on cut_span.tail_key = tail_hit.span_key and head_hit.country_code = tail_hit.country_code
    where
        (
            cut_span.is_tail_area = 1
            and head_hit.name_kind <> 'iata'
            and head_hit.place_type <> 'country'
            and (
                tail_hit.place_type = 'country'
                or (
                    tail_hit.place_type = 'region'
                    and head_hit.place_type = 'city'
                    and tail_hit.region_code in (head_hit.region_code, head_hit.parent_region_code)
                )
            )
        )
        or (
            cut_span.is_head_area = 1
            and tail_hit.place_type = 'city'
            and tail_hit.name_kind = 'name'
            and head_hit.place_type = 'country'
        )
),

piece_count as (
    select
        place_text_number,
        count(distinct group_number * 1000 + piece_number) as pieces
    from core.place_span
    where span_kind = 'piece'
    group by place_text_number
),

cut as (
    select
        cut_span.place_text_number,
        cut_span.group_number,
        cut_span.piece_number,
        cut_span.part_number,
        cut_span.cut_number,
        row_number() over (
            partition by
                cut_span.place_text_number, cut_span.group_number, cut_span.piece_number, cut_span.part_number
            order by
                case when holding.head_key is null then 0 else 1 end desc,
                case when listed.cut_number is null then 0 else 1 end desc,
                cut_span.is_tail_area desc,
                cut_span.cut_number asc
        ) as cut_rank
    from cut_span
    inner join piece_count on cut_span.place_text_number = piece_count.place_text_number
    left join holding
        on cut_span.head_key = holding.head_key and cut_span.tail_key = holding.tail_key
    left join listed
        on
            cut_span.place_text_number = listed.place_text_number
            and cut_span.group_number = listed.group_number
            and cut_span.piece_number = listed.piece_number
            and cut_span.part_number = listed.part_number
            and cut_span.cut_number = listed.cut_number
    where
        holding.head_key is not null
        or listed.cut_number is not null
        or (piece_count.pieces = 1 and cut_span.has_tail_area_name = 1)
),

-- The best reading of each part: as it is, without its general word, or cut.
part as (
    select
        open_part.*,
        dense_rank() over (
            partition by
                open_part.place_text_number, open_part.group_number, open_part.piece_number, open_part.part_number
            order by case open_part.span_kind when 'joint' then 0 when 'part' then 1 when 'bare' then 2 else 3 end
        ) as reading_rank
    from open_part
    left join cut
        on
            open_part.place_text_number = cut.place_text_number
            and open_part.group_number = cut.group_number
            and open_part.piece_number = cut.piece_number
            and open_part.part_number = cut.part_number
            and open_part.cut_number = cut.cut_number
            and cut.cut_rank = 1
    left join joint_taken
        on
            open_part.place_text_number = joint_taken.place_text_number
            and open_part.group_number = joint_taken.group_number
            and open_part.piece_number = joint_taken.piece_number
            and open_part.part_number = joint_taken.part_number
    where
        (open_part.span_kind = 'joint' and open_part.has_area_name = 1)
        or (
            joint_taken.place_text_number is null
            and (
                (open_part.span_kind = 'part' and (open_part.has_name = 1 or open_part.is_capital = 1))
                or (open_part.span_kind = 'bare' and open_part.has_name = 1)
                or (open_part.span_kind = 'tail' and cut.cut_rank = 1)
                or (open_part.span_kind = 'head' and cut.cut_rank = 1 and open_part.has_name = 1)
            )
        )
),

atom as (
    select * from whole
    union all
    select * from pair
    union all
    select * from piece
    union all
    select
        place_text_number,
        group_number,
        piece_number,
        part_number,
        cut_number,
        span_kind,
        span_key,
        text_kind,
        has_name,
        has_area_name,
        has_code,
        is_capital,
        is_area
    from part
    where reading_rank = 1
),

-- Names joined by 'and' are alternatives: none says where another lies.
part_count as (
    select
        place_text_number,
        group_number,
        piece_number,
        max(part_number) as parts
    from core.place_span
    where span_kind = 'part' and part_number > 1
    group by place_text_number, group_number, piece_number
),

-- The piece before this one names nothing known.
unread as (
    select
        piece_span.place_text_number,
        piece_span.group_number,
        piece_span.piece_number + 1 as piece_number
    from core.place_span as piece_span
    left join atom
        on
            piece_span.place_text_number = atom.place_text_number
            and (
                atom.group_number = 0
                or (
                    piece_span.group_number = atom.group_number
                    and piece_span.piece_number between atom.piece_number
                    and atom.piece_number + case atom.span_kind when 'pair' then 1 else 0 end
                )
            )
    where piece_span.span_kind = 'piece' and atom.place_text_number is null
),

-- What was cut off before a country or region and names nothing, unless it only says what that is: 'Northern' of
-- 'Northern Mali', not 'Department of' of 'Department of Loreto'.
cut_off as (
    select
        tail.place_text_number,
        tail.group_number,
        tail.piece_number,
        tail.part_number
    from atom as tail
    inner join core.place_span as head
        on
            tail.place_text_number = head.place_text_number
            and tail.group_number = head.group_number
            and tail.piece_number = head.piece_number
            and tail.part_number = head.part_number
            and tail.cut_number = head.cut_number
            and head.span_kind = 'head'
    left join atom as head_atom
        on
            tail.place_text_number = head_atom.place_text_number
            and tail.group_number = head_atom.group_number
            and tail.piece_number = head_atom.piece_number
            and tail.part_number = head_atom.part_number
            and head_atom.span_kind = 'head'
    where
        tail.text_kind = 'rating'
        and tail.span_kind = 'tail'
        and head_atom.place_text_number is null
        and not regexp_matches(
            head.span_key,
            '^((the|autonomous|special|federal|free) )*(archipelago|canton|community|county|department|emirate'
            || '|governorate|island|islands|municipality|oblast|prefecture|province|region|republic|state|territory)'
            || '( of)?( the)?$'
        )
),

-- Groups of a rating's text in which something names nothing, or only what lies near, around or within a place.
part_unread as (
    select
        part_span.place_text_number,
        part_span.group_number
    from core.place_span as part_span
    inner join place_text on part_span.place_text_number = place_text.place_text_number
    left join atom
        on
            part_span.place_text_number = atom.place_text_number
            and (
                atom.group_number = 0
                or (
                    part_span.group_number = atom.group_number
                    and part_span.piece_number between atom.piece_number
                    and atom.piece_number + case atom.span_kind when 'pair' then 1 else 0 end
                    and (
                        atom.part_number = 0
                        or part_span.part_number between atom.part_number
                        and atom.part_number + case atom.span_kind when 'joint' then 1 else 0 end
                    )
                )
            )
    where
        place_text.text_kind = 'rating'
        and part_span.span_kind = 'part'
        and (
            atom.place_text_number is null
            or (
                atom.span_kind = 'bare'
                and regexp_matches(part_span.span_key, '^(central|downtown|greater|near) | (airport|area|suburbs)$')
            )
        )
),

group_unread as (
    select
        place_text_number,
        group_number
    from part_unread
    union
    select
        place_text_number,
        group_number
    from cut_off
)

select
    atom.place_text_number,
    cast(
        row_number() over (
            partition by atom.place_text_number
            order by
                atom.group_number,
                atom.piece_number,
                atom.part_number,
                case atom.span_kind when 'tail' then 1 else 0 end
        ) as integer
    ) as atom_number,
    atom.group_number,
    atom.piece_number,
    atom.part_number,
    atom.span_kind,
    atom.span_key,
    atom.is_capital = 1 or atom.span_kind in ('whole', 'piece') as is_code_allowed,
    atom.is_capital = 1
    or atom.text_kind = 'iata'
    or (atom.span_kind = 'whole' and atom.has_name = 0) as is_iata_allowed,
    atom.span_kind in ('part', 'joint', 'bare') and part_count.parts is not null as is_alternative,
    unread.place_text_number is not null as is_after_unread,
    cut_off.place_text_number is not null as is_cut_off,
    group_unread.place_text_number is not null as is_beside_unread
from atom
left join part_count
    on
        atom.place_text_number = part_count.place_text_number
        and atom.group_number = part_count.group_number
        and atom.piece_number = part_count.piece_number
left join unread
    on
        atom.place_text_number = unread.place_text_number
        and atom.group_number = unread.group_number
        and atom.piece_number = unread.piece_number
left join cut_off
    on
        atom.place_text_number = cut_off.place_text_number
        and atom.group_number = cut_off.group_number
        and atom.piece_number = cut_off.piece_number
        and atom.part_number = cut_off.part_number
left join group_unread
    on
        atom.place_text_number = group_unread.place_text_number
        and atom.group_number = group_unread.group_number
