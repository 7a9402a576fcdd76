-- Grain: one row per atom of a text and place that it may mean, with its support in the text.
-- Rules: P1, P4.
-- Why: another atom that names the country or region of a candidate supports it: most the nearest one after it in the
-- same group ('Chicago and Cleveland, United States'), less one before it ('Canada: Ottawa'), least one elsewhere. What
-- 'and' joins are alternatives, of which none holds another; nor is a city before another one its region ('New York and
-- Washington'). A county stands for its state. What the feed says of the country restricts the candidates; what it says
-- of the region supports. The region hint of a rating is the type of the place that it rates, and what is rated as a
-- country is no town; nor is what stands in a column of countries. What is rated as a region or city is no country,
-- unless the text says nothing else ('Kosovo', 'Hong Kong, China'): 'Metro Manila, Philippines' is not the Philippines.
-- The home's own aliases beat all of that. A code that moved means the airport that held it on the day.
with

place_text as (
    select
        place_text_number,
        text_key,
        text_kind,
        text_date,
        country_hint,
        case
            when text_kind = 'rating' then region_hint
            when region_hint like '__-%' then region_hint
            when region_hint is not null and country_hint is not null then country_hint || '-' || region_hint
        end as region_hint
    from core.place_text
),

place_atom as (
    select
        *,
        count(*) over (partition by place_text_number, group_number) as atom_count,
        atom_number = min(atom_number) over (partition by place_text_number, group_number) as is_first
    from core.place_atom
),

-- Words that some small town is called by too; without a country or region that holds it, the town is not meant.
general as (
    select
        unnest(
            [
                'abroad', 'airport', 'apartment', 'arrival', 'base', 'beach', 'branch', 'campus', 'center', 'central',
                'centre', 'clinic', 'coast', 'college', 'compound', 'conference', 'departure', 'downtown', 'embassy',
                'field', 'forest', 'harbor', 'harbour', 'headquarters', 'highland', 'hilton', 'holiday', 'home',
                'hospital', 'hostel', 'hotel', 'hyatt', 'institute', 'international', 'leave', 'library', 'lodge',
                'marriott', 'meeting', 'mercure', 'midtown', 'ministry', 'mission', 'mountain', 'national', 'novotel',
                'office', 'online', 'park', 'parliament', 'private', 'project', 'quarter', 'radisson', 'remote',
                'research', 'reserve', 'residence', 'return', 'rig', 'river', 'school', 'serena', 'sheraton', 'station',
                'street', 'suburb', 'terminal', 'tower', 'train', 'training', 'transit', 'travel', 'university',
                'uptown', 'valley', 'various', 'village', 'virtual', 'western', 'workshop'
            ]
        ) as span_key
),

-- What is written where no place is known. A code or a town is called so, too, which is meant only in a column of
-- airports or where a country or region holds it ('None, Italy').
placeholder as (
    select
        unnest(
            [
                'any', 'na', 'nan', 'nil', 'none', 'null', 'other', 'tba', 'tbc', 'tbd', 'tbn', 'unk', 'unknown', 'var',
                'various', 'x', 'xx', 'xxx'
            ]
        ) as span_key
),

-- What the aliases know by its country alone, though it is a part of it: a traveller there is in that country, but its
-- rating is not the country's.
country_part as (
    select
        unnest(
            [
                'golan heights', 'nagorno karabakh', 'northern cyprus', 'somaliland', 'south ossetia', 'transnistria',
                'turkish republic of northern cyprus'
            ]
        ) as span_key
),

dependency as (
    select
        country_code,
        sovereign_country_code
    from reference.gazetteer_place
    where sovereign_country_code is not null
),

code_holder as (
    select
        code_key,
        place_id,
        coalesce(try_cast(valid_from as date), date '1900-01-01') as valid_from,
        coalesce(try_cast(valid_to as date), date '9999-12-31') as valid_to
    from reference.gazetteer_code_holder
),

dated as (
    select distinct
        place_text.place_text_number,
        code_holder.place_id
    from place_text
    inner join code_holder
        on
            place_text.text_key = code_holder.code_key
            and place_text.text_date between code_holder.valid_from and code_holder.valid_to
),

meant as (
    select
        place_atom.place_text_number,
        place_atom.atom_number,
        place_atom.group_number,
        place_atom.piece_number,
        place_atom.part_number,
        place_atom.span_key,
        place_atom.is_alternative,
        place_atom.is_after_unread,
        place_atom.is_cut_off,
        place_atom.is_beside_unread,
        place_atom.span_kind,
        place_atom.atom_count,
        place_atom.is_first,
        place_hit.name_kind,
        place_hit.place_id,
        place_hit.place_type,
        place_hit.country_code,
        place_hit.region_code,
        place_hit.parent_region_code,
        place_hit.place_status,
        place_hit.match_score,
        place_hit.name_weight,
        case when place_text.text_kind = 'rating' then coalesce(place_text.region_hint, '') end as rated_type,
        dependency.country_code is not null as is_dependency,
        case when place_hit.name_kind = 'home' then 1000000 else 0 end
        + case
            when place_text.region_hint in (place_hit.region_code, place_hit.parent_region_code) then 4000
            else 0
        end
        -- 'Vacherie, LA': after a name that nothing is called so, capitals are a state rather than a city.
        + case
            when place_atom.is_after_unread and place_hit.name_kind = 'code' and place_hit.place_type <> 'city' then 300
            else 0
        end as hint_score
    from place_atom
    inner join place_text on place_atom.place_text_number = place_text.place_text_number
    inner join core.place_hit on place_atom.span_key = place_hit.span_key
    left join dependency on place_hit.country_code = dependency.country_code
    where
        (
            place_text.country_hint is null
            or place_hit.country_code = place_text.country_hint
            -- 'Hong Kong' beside the code of China.
            or (
                place_text.text_kind = 'rating'
                and place_hit.place_type = 'country'
                and place_hit.name_kind not in ('code', 'misspelt')
                and dependency.sovereign_country_code = place_text.country_hint
            )
            or place_hit.name_kind = 'home'
        )
        and (place_text.text_kind <> 'country' or place_hit.place_type = 'country' or place_hit.name_kind = 'home')
        and not (
            place_text.text_kind = 'rating'
            and coalesce(place_text.region_hint, '') = 'country'
            and place_hit.place_type in ('city', 'site')
            and place_hit.name_kind <> 'home'
        )
        and (
            case
                when place_hit.name_kind = 'home' then true
                when place_text.text_kind = 'iata' then place_hit.name_kind = 'iata'
                when place_hit.name_kind = 'iata' then place_atom.is_iata_allowed
                when place_hit.name_kind = 'code' then place_atom.is_code_allowed
                else true
            end
        )
),

candidate as (
    select
        row_number() over () as candidate_key,
        *
    from meant
),

-- Only where a text has several names can one support another.
several as (
    select place_text_number
    from candidate
    group by place_text_number
    having min(atom_number) < max(atom_number)
),

contested as (
    select candidate.*
    from candidate
    inner join several on candidate.place_text_number = several.place_text_number
),

-- What each name would mean if it stood alone.
alone as (
    select
        place_text_number,
        atom_number,
        max_by(place_type, struct_pack(name_weight := name_weight, place_id := place_id)) as place_type,
        max_by(country_code, struct_pack(name_weight := name_weight, place_id := place_id)) as country_code,
        bool_or(name_kind = 'alias' and place_type = 'city') as is_city_alias
    from contested
    group by place_text_number, atom_number
),

container as (
    select distinct
        contested.place_text_number,
        contested.atom_number,
        contested.group_number,
        contested.piece_number,
        contested.part_number,
        contested.span_key,
        contested.is_alternative,
        contested.place_type,
        contested.country_code,
        contested.region_code,
        contested.name_kind = 'misspelt' as is_misspelt,
        alone.place_type = 'city' as is_rather_city
    from contested
    inner join alone
        on
            contested.place_text_number = alone.place_text_number
            and contested.atom_number = alone.atom_number
    where contested.place_type in ('country', 'region')
),

support as (
    select
        contested.candidate_key,
        max(
            case
                when container.group_number <> contested.group_number then 200
                when container.atom_number > contested.atom_number then 1000
                else 500
            end
            - 10 * least(abs(container.atom_number - contested.atom_number), 15)
            - case when contested.name_kind = 'alternate' and container.place_type = 'region' then 25 else 0 end
            - case when container.is_misspelt then 5 else 0 end
        ) as support_score,
        bool_and(container.is_misspelt) as is_support_misspelt
    from contested
    inner join container
        on
            contested.place_text_number = container.place_text_number
            and contested.country_code = container.country_code
    where
        contested.atom_number <> container.atom_number
        and (
            (container.place_type = 'country' and contested.place_type <> 'country')
            or (
                container.place_type = 'region'
                and (contested.place_type in ('city', 'site') or contested.name_kind = 'alternate')
                and container.region_code in (contested.region_code, contested.parent_region_code)
            )
        )
        and not (
            container.is_alternative
            and container.group_number = contested.group_number
            and container.piece_number = contested.piece_number
            and container.part_number <> contested.part_number
        )
        and not (container.group_number <> contested.group_number and container.span_key = contested.span_key)
        and not (container.is_rather_city and container.atom_number < contested.atom_number)
    group by contested.candidate_key
),

-- Places of one text tend to lie in one country: it decides between candidates that nothing supports.
supported as (
    select distinct
        contested.place_text_number,
        contested.atom_number,
        contested.country_code
    from contested
    inner join support on contested.candidate_key = support.candidate_key
    where support.support_score >= 800
),

neighbour as (
    select
        contested.candidate_key,
        count(*) as neighbour_count
    from contested
    inner join supported
        on
            contested.place_text_number = supported.place_text_number
            and contested.country_code = supported.country_code
    where contested.atom_number <> supported.atom_number
    group by contested.candidate_key
),

-- A code after a name that it does not hold is more likely one of the country where the name is best known.
coded as (
    select distinct
        place_text_number,
        group_number,
        atom_number
    from contested
    where name_kind = 'code'
),

known as (
    select
        coded.place_text_number,
        coded.atom_number,
        contested.country_code,
        row_number() over (
            partition by coded.place_text_number, coded.atom_number
            order by contested.name_weight desc, contested.place_id asc
        ) as name_rank
    from coded
    inner join contested
        on
            coded.place_text_number = contested.place_text_number
            and coded.group_number = contested.group_number
            and coded.atom_number - 1 = contested.atom_number
    where contested.name_kind not in ('code', 'iata')
),

-- What 'and' joins tends to be alike: 'Washington and Oregon' are two states, 'Georgia and Armenia' two countries.
alike as (
    select distinct contested.candidate_key
    from contested
    inner join contested as other
        on
            contested.place_text_number = other.place_text_number
            and contested.group_number = other.group_number
            and contested.piece_number = other.piece_number
            and contested.country_code = other.country_code
    inner join alone
        on
            other.place_text_number = alone.place_text_number
            and other.atom_number = alone.atom_number
            and other.country_code = alone.country_code
    inner join alone as self
        on
            contested.place_text_number = self.place_text_number
            and contested.atom_number = self.atom_number
    where
        contested.is_alternative
        and other.is_alternative
        and contested.piece_number = 1
        and not self.is_city_alias
        and contested.atom_number <> other.atom_number
        and contested.place_type = 'region'
        and contested.name_kind in ('name', 'alias')
        and alone.place_type = 'region'
),

scored as (
    select
        candidate.*,
        -- The type says less than the country or region beside a place ('Guadalajara, Mexico' is no province of Spain),
        -- and what stands after a rated place and is best known as a country holds it ('Goma, Congo').
        case
            when candidate.rated_type is null or candidate.rated_type <> candidate.place_type then 0
            when candidate.place_type = 'country' then 4000
            when not candidate.is_first and alone.place_type = 'country' then 0
            else 400
        end as type_score,
        case when alike.candidate_key is null then 0 else 100 end as alike_score,
        coalesce(support.support_score, 0) as support_score,
        coalesce(support.is_support_misspelt, false) as is_support_misspelt,
        coalesce(neighbour.neighbour_count, 0) as neighbours,
        case when known.name_rank is null then 0 else 2 end as known_score,
        case when dated.place_id is null then 0 else 2000 end as dated_score
    from candidate
    left join alone
        on
            candidate.place_text_number = alone.place_text_number
            and candidate.atom_number = alone.atom_number
    left join support on candidate.candidate_key = support.candidate_key
    left join neighbour on candidate.candidate_key = neighbour.candidate_key
    left join alike on candidate.candidate_key = alike.candidate_key
    left join known
        on
            candidate.place_text_number = known.place_text_number
            and candidate.atom_number = known.atom_number
            and candidate.country_code = known.country_code
            and candidate.name_kind = 'code'
            and known.name_rank = 1
    left join dated
        on
            candidate.place_text_number = dated.place_text_number
            and candidate.place_id = dated.place_id
),

ranked as (
    select
        *,
        cast(neighbours + known_score as bigint) as neighbour_count,
        max(name_weight) over (partition by place_text_number, atom_number) = name_weight as is_heaviest,
        first_value(place_type) over (
            partition by place_text_number, atom_number
            order by name_weight desc, place_id desc, place_type asc
        ) as usual_type,
        row_number() over (
            partition by place_text_number, atom_number
            order by
                support_score
                + hint_score
                + type_score
                + dated_score
                + alike_score
                + 3 * least(neighbours, 3)
                + known_score desc,
                name_weight desc,
                place_id asc,
                name_kind asc,
                country_code asc
        ) as choice_rank
    from scored
),

-- In a rating of a region or city: a larger place than that, meant as such or usually.
sized as (
    select
        *,
        rated_type in ('region', 'city') as is_part_rated,
        -- Beside others only a list's members and a place before what holds it are meant: 'Hong Kong, China'.
        is_alternative
        or (is_first and (is_dependency or (place_type = 'region' and support_score >= 800))) as is_meant,
        place_type = 'country' or (rated_type = 'city' and place_type = 'region') as is_larger,
        usual_type = 'country' or (rated_type = 'city' and usual_type = 'region') as is_usually_larger
    from ranked
)

select
    sized.place_text_number,
    sized.atom_number,
    sized.group_number,
    sized.piece_number,
    sized.span_key,
    sized.is_alternative,
    sized.is_after_unread,
    sized.name_kind,
    sized.place_id,
    sized.place_type,
    sized.country_code,
    sized.region_code,
    sized.parent_region_code,
    sized.place_status,
    sized.match_score,
    sized.name_weight,
    sized.support_score,
    sized.is_support_misspelt,
    sized.neighbour_count,
    sized.is_heaviest,
    sized.choice_rank,
    sized.name_kind = 'home'
    or not (
        (general.span_key is not null and sized.place_type = 'city' and sized.support_score < 800)
        or (placeholder.span_key is not null and place_text.text_kind = 'text' and sized.support_score < 800)
    ) as is_nameable,
    -- What follows something unread says where that lies, and so does a larger place beside anything else.
    coalesce(sized.is_part_rated, false)
    and sized.name_kind <> 'home'
    and (
        sized.is_after_unread
        or sized.is_cut_off
        or (
            sized.is_larger
            and (
                sized.is_beside_unread
                or country_part.span_key is not null
                or (sized.atom_count > 1 and not sized.is_meant)
                or (
                    sized.span_kind = 'bare'
                    and not contains(place_text.text_key, 'the ' || sized.span_key)
                    and not contains(place_text.text_key, 'republic of ' || sized.span_key)
                )
            )
        )
        or (
            sized.is_usually_larger
            and not sized.is_larger
            and sized.support_score = 0
            and (
                sized.is_beside_unread
                or (sized.atom_count > 1 and sized.usual_type = 'country' and not sized.is_meant)
            )
        )
    ) as is_holder
from sized
inner join place_text on sized.place_text_number = place_text.place_text_number
left join general on sized.span_key = general.span_key
left join placeholder on sized.span_key = placeholder.span_key
left join country_part on sized.span_key = country_part.span_key
