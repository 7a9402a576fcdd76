-- Grain: one row per distinct text of stage.place_text and place that it may mean; candidate_count of them.
-- Rules: P1, P2, P3, P4.
-- Why: the best candidate of each atom counts, unless the atom only says where another lies ('Ukraine' in 'Kyiv,
-- Ukraine'). A city that the word after it contradicts gives way to that word ('Smallville, Alberta'), unless it is a
-- large one and the word lies abroad: then the city is taken if the word is a code ('Des Moines, IO'), both if it is a
-- country's name ('Ankara, Israel'), as fuzzy. Fuzzy too is a place that was chosen only by a misspelt word. A text of
-- which nothing is known is the feed's own country if it names one, and otherwise stays unknown: never a default
-- country. Nor is a region or city that is rated ever its country: the level of a part would become that of the whole.
-- The home's own aliases are believed whatever stands beside them.
with

place_candidate as (
    select every_candidate.*
    from core.place_candidate as every_candidate
    left join core.place_bracket
        on
            every_candidate.place_text_number = place_bracket.place_text_number
            and every_candidate.atom_number = place_bracket.atom_number
    where place_bracket.atom_number is null
),

dependency as (
    select
        country_code,
        sovereign_country_code
    from reference.gazetteer_place
    where sovereign_country_code is not null
),

country as (
    select place_id as country_code
    from reference.gazetteer_place
    where place_type = 'country'
),

choice as (
    select
        place_candidate.*,
        dependency.sovereign_country_code
    from place_candidate
    left join dependency on place_candidate.country_code = dependency.country_code
    where place_candidate.choice_rank = 1 and place_candidate.is_nameable
),

-- Which atoms hold the place chosen for another atom; one that is itself a city held elsewhere does not ('Kingston,
-- Jamaica and Kingston, Ontario'), nor does what holds an unknown place of its own ('St-Benoit-du-Lac, Quebec;
-- Sherbrooke, Quebec').
holding as (
    select
        holder.place_text_number,
        holder.atom_number as holder_number
    from choice
    inner join place_candidate as holder
        on
            choice.place_text_number = holder.place_text_number
            and choice.country_code = holder.country_code
    inner join choice as holder_choice
        on
            holder.place_text_number = holder_choice.place_text_number
            and holder.atom_number = holder_choice.atom_number
    where
        choice.atom_number <> holder.atom_number
        and (
            (holder.place_type = 'country' and choice.place_type <> 'country')
            or (
                holder.place_type = 'region'
                and (choice.place_type in ('city', 'site') or choice.name_kind = 'alternate')
                and holder.region_code in (choice.region_code, choice.parent_region_code)
            )
        )
        and (holder.atom_number > choice.atom_number or holder.choice_rank = 1)
        and (holder.group_number = choice.group_number or not holder.is_after_unread)
        and (
            holder_choice.place_type <> 'city'
            or holder_choice.support_score < 800
            or holder_choice.country_code = holder.country_code
        )
    union
    -- 'San Juan, Puerto Rico, USA': the territory has a code of its own, and the country after it says no more.
    select
        holder.place_text_number,
        holder.atom_number as holder_number
    from choice
    inner join place_candidate as holder
        on
            choice.place_text_number = holder.place_text_number
            and choice.sovereign_country_code = holder.country_code
    where holder.place_type = 'country' and holder.choice_rank = 1 and holder.atom_number > choice.atom_number
),

-- A code that could be of several countries, that nothing supports and that is not all of the text, says little. States
-- of the US and provinces of Canada are written so ('Vacherie, LA'), if the country of that code is not far larger.
vague as (
    select
        choice.place_text_number,
        choice.atom_number,
        max(
            case
                when
                    other.place_type = 'region'
                    and choice.place_type = 'country'
                    and other.name_weight / 0.05
                    > case when other.country_code in ('CA', 'US') then 0.1 else 2 end * choice.name_weight / 1e10
                    then other.place_id
            end
        ) as likely_place_id
    from choice
    inner join core.place_text on choice.place_text_number = place_text.place_text_number
    inner join place_candidate as other
        on
            choice.place_text_number = other.place_text_number
            and choice.atom_number = other.atom_number
    where
        choice.name_kind = 'code'
        and choice.support_score = 0
        and choice.neighbour_count = 0
        and length(place_text.text_key) > 6
        and other.name_kind in ('code', 'alias')
        and other.country_code <> choice.country_code
        and choice.name_kind <> 'home'
        and not choice.is_holder
        and not exists (
            select 1
            from holding
            where choice.place_text_number = holding.place_text_number and choice.atom_number = holding.holder_number
        )
    group by choice.place_text_number, choice.atom_number
),

-- Neighbours of which the second says another region or country than the first, and holds nothing else.
contradiction as (
    select
        choice.place_text_number,
        choice.atom_number,
        after_choice.atom_number as after_number,
        case
            when after_choice.place_type = 'country' and after_choice.name_kind <> 'code'
                then case when choice.name_weight >= 500000 then 'both' else 'after' end
            when after_choice.country_code = choice.country_code
                then
                    case
                        when choice.name_weight >= 100000 and after_choice.name_kind <> 'code' then 'both' else 'after'
                    end
            when choice.name_weight >= 100000 then 'city'
            when after_choice.name_kind = 'code' and after_choice.neighbour_count = 0 then 'none'
            else 'after'
        end as believed
    from choice
    inner join choice as after_choice
        on
            choice.place_text_number = after_choice.place_text_number
            and choice.group_number = after_choice.group_number
            and choice.atom_number + 1 = after_choice.atom_number
    left join holding
        on
            after_choice.place_text_number = holding.place_text_number
            and after_choice.atom_number = holding.holder_number
    where
        holding.holder_number is null
        and choice.place_type = 'city'
        and choice.name_kind <> 'home'
        and after_choice.name_kind <> 'home'
        and not (after_choice.is_alternative and choice.piece_number = after_choice.piece_number)
        and (
            choice.support_score < 800
            or (
                after_choice.place_type = 'region'
                and after_choice.country_code = choice.country_code
                and (choice.name_weight < 100000 or after_choice.name_kind = 'code')
            )
        )
        and after_choice.place_type in ('country', 'region')
        and (choice.sovereign_country_code is null or choice.sovereign_country_code <> after_choice.country_code)
),

-- What is read as a place elsewhere counts as misspelt only where the word after it contradicts it.
place_fuzzy as (
    select every_fuzzy.*
    from core.place_fuzzy as every_fuzzy
    left join contradiction
        on
            every_fuzzy.place_text_number = contradiction.place_text_number
            and every_fuzzy.read_atom_number = contradiction.atom_number
    where every_fuzzy.read_atom_number is null or contradiction.believed in ('after', 'none')
),

unsaid as (
    select
        place_text_number,
        holder_number as atom_number
    from holding
    union
    select
        place_text_number,
        atom_number
    from contradiction
    where believed in ('after', 'none')
    union
    -- In a list that ends with a country or region a small place elsewhere is not meant: one not known there is.
    select
        stray.place_text_number,
        stray.atom_number
    from choice as stray
    inner join choice as last_choice
        on
            stray.place_text_number = last_choice.place_text_number
            and stray.group_number = last_choice.group_number
            and stray.atom_number < last_choice.atom_number
    inner join holding
        on
            last_choice.place_text_number = holding.place_text_number
            and last_choice.atom_number = holding.holder_number
    where
        stray.place_type = 'city'
        and stray.name_kind <> 'home'
        and stray.support_score = 0
        and stray.name_weight < 100000
        and last_choice.place_type in ('country', 'region')
    union
    select
        place_text_number,
        after_number as atom_number
    from contradiction
    where believed in ('city', 'none')
    union
    select
        place_text_number,
        atom_number
    from vague
    union
    select
        place_text_number,
        atom_number
    from choice
    where is_holder
),

-- A larger place elsewhere, or a region, within such a list may be meant or not ('Simcoe, Scotland, Niagara, Ontario').
astray as (
    select distinct
        stray.place_text_number,
        stray.atom_number
    from choice as stray
    inner join choice as last_choice
        on
            stray.place_text_number = last_choice.place_text_number
            and stray.group_number = last_choice.group_number
            and stray.atom_number < last_choice.atom_number
    inner join holding
        on
            last_choice.place_text_number = holding.place_text_number
            and last_choice.atom_number = holding.holder_number
    left join holding as held
        on
            stray.place_text_number = held.place_text_number
            and stray.atom_number = held.holder_number
    inner join choice as before_choice
        on
            stray.place_text_number = before_choice.place_text_number
            and stray.group_number = before_choice.group_number
            and stray.atom_number - 1 = before_choice.atom_number
            and last_choice.country_code = before_choice.country_code
    where
        held.holder_number is null
        and stray.place_type in ('city', 'region')
        and stray.name_kind <> 'home'
        and stray.support_score = 0
        and stray.name_weight < 500000
        and stray.country_code <> last_choice.country_code
        and last_choice.place_type in ('country', 'region')
),

-- A small town after a comma, in a country that nothing else in the text lies in, beside a far larger place.
lone as (
    select distinct
        choice.place_text_number,
        choice.atom_number
    from choice
    inner join choice as other
        on
            choice.place_text_number = other.place_text_number
            and choice.group_number = other.group_number
            and choice.piece_number <> other.piece_number
    left join choice as compatriot
        on
            choice.place_text_number = compatriot.place_text_number
            and choice.country_code = compatriot.country_code
            and choice.atom_number <> compatriot.atom_number
    where
        choice.place_type = 'city'
        and choice.name_kind in ('name', 'alternate')
        and choice.support_score = 0
        and choice.name_weight < 50000
        and not choice.is_alternative
        and compatriot.atom_number is null
        and other.name_weight > 20 * choice.name_weight
),

doubtful as (
    select
        place_text_number,
        atom_number
    from contradiction
    where believed in ('city', 'both')
    union
    select
        place_text_number,
        after_number as atom_number
    from contradiction
    where believed = 'both'
    union
    select
        place_text_number,
        atom_number
    from astray
    union
    select
        place_text_number,
        atom_number
    from lone
),

named as (
    select
        choice.place_text_number,
        choice.atom_number,
        choice.name_kind,
        choice.support_score,
        doubtful.atom_number is not null as is_doubtful
    from choice
    left join unsaid
        on
            choice.place_text_number = unsaid.place_text_number
            and choice.atom_number = unsaid.atom_number
    left join holding as holder
        on
            choice.place_text_number = holder.place_text_number
            and choice.atom_number = holder.holder_number
    left join doubtful
        on
            choice.place_text_number = doubtful.place_text_number
            and choice.atom_number = doubtful.atom_number
    where unsaid.atom_number is null or (choice.name_kind = 'home' and holder.holder_number is null)
),

-- An alias may stand for several places ('French West Indies'): all of them that the text supports alike are meant.
exact as (
    select
        named.place_text_number,
        named.atom_number,
        place_candidate.place_id,
        place_candidate.place_type,
        place_candidate.country_code,
        place_candidate.region_code,
        case
            when named.is_doubtful or (place_candidate.is_support_misspelt and not place_candidate.is_heaviest)
                then 'fuzzy'
            else place_candidate.place_status
        end as place_status,
        case
            when named.is_doubtful then 0.5
            when place_candidate.is_support_misspelt and not place_candidate.is_heaviest then 0.8
            else place_candidate.match_score
        end as match_score,
        case
            when named.is_doubtful then 'contradiction'
            when place_candidate.name_kind = 'iata' then 'airport code'
            when place_candidate.name_kind = 'misspelt' then 'fuzzy'
            else place_candidate.name_kind
        end as match_method
    from named
    inner join place_candidate
        on
            named.place_text_number = place_candidate.place_text_number
            and named.atom_number = place_candidate.atom_number
            and named.name_kind = place_candidate.name_kind
    where
        place_candidate.choice_rank = 1
        or named.name_kind = 'home'
        or (named.name_kind = 'alias' and place_candidate.support_score = named.support_score)
),

-- A misspelt city replaces the country or region that it was looked for in.
said as (
    select
        exact.place_text_number,
        exact.atom_number,
        exact.place_id,
        exact.place_status,
        exact.match_score,
        exact.match_method
    from exact
    left join place_fuzzy
        on
            exact.place_text_number = place_fuzzy.place_text_number
            and (
                (exact.place_type = 'country' and exact.country_code = place_fuzzy.country_code)
                or (exact.place_type = 'region' and exact.region_code = place_fuzzy.region_code)
            )
    where place_fuzzy.place_text_number is null
    union all
    select
        place_text_number,
        1000 * group_number + 10 * piece_number + part_number as atom_number,
        place_id,
        'fuzzy' as place_status,
        match_score,
        'fuzzy' as match_method
    from place_fuzzy
    union all
    select
        vague.place_text_number,
        vague.atom_number,
        vague.likely_place_id as place_id,
        'fuzzy' as place_status,
        0.5 as match_score,
        'code' as match_method
    from vague
    left join place_fuzzy on vague.place_text_number = place_fuzzy.place_text_number
    left join contradiction
        on
            vague.place_text_number = contradiction.place_text_number
            and vague.atom_number = contradiction.after_number
            and contradiction.believed = 'city'
    where
        vague.likely_place_id is not null
        and place_fuzzy.place_text_number is null
        and contradiction.atom_number is null
),

meant as (
    select
        place_text_number,
        place_id,
        min(atom_number) as atom_number,
        max(place_status) as place_status,
        max(match_score) as match_score,
        min(match_method) as match_method
    from said
    group by place_text_number, place_id
),

found as (
    select
        place_text_number,
        place_id,
        atom_number,
        place_status,
        match_score,
        match_method
    from meant
    union all
    select
        place_text.place_text_number,
        coalesce(country.country_code, 'unknown:' || place_text.text_key) as place_id,
        0 as atom_number,
        case when country.country_code is null then 'unknown' else 'resolved' end as place_status,
        case when country.country_code is null then 0.0 else 1.0 end as match_score,
        case when country.country_code is null then 'none' else 'hint' end as match_method
    from core.place_text
    left join country
        on
            place_text.country_hint = country.country_code
            and (place_text.text_kind <> 'rating' or place_text.region_hint = 'country')
    left join meant on place_text.place_text_number = meant.place_text_number
    where meant.place_text_number is null
)

select
    place_text.place_text,
    place_text.country_hint,
    place_text.region_hint,
    place_text.stated_kind as text_kind,
    cast(
        row_number() over (
            partition by place_text.place_text_number order by found.atom_number, found.place_id
        ) as integer
    ) as candidate_number,
    cast(count(*) over (partition by place_text.place_text_number) as integer) as candidate_count,
    found.place_id,
    found.place_status,
    cast(found.match_score as double) as match_score,
    found.match_method
from core.place_text
inner join found on place_text.place_text_number = found.place_text_number
order by place_text.place_text_number, candidate_number
