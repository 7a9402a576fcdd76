-- Grain: way of naming a traveller (identity_text) that leads to nobody of the roster.
-- Rules: S10 (unknown and ambiguous people are still people: each is one, listed and counted once).
-- Two ways of naming are one person where they share a fact: a person id; an e-mail address; or the name together with
-- a telephone number, a flight (carrier, number, date), or the first or last day of a trip. Such a fact beside the name
-- counts only where no two ids or addresses contradict each other (an agency's number stands in many bookings, and
-- namesakes fly together), nor two titles. A name alone joins nothing: two trips of one name with nothing else in
-- common stay two people, who may be counted twice but cannot vanish in one another.
-- An id or address under which differently named people travel is a placeholder, a family's or an office's mailbox; it
-- joins only claims of the same name. Names agree as they do beside another key in core.identity_candidate, where one
-- is a part of the other, or where a letter differs: any under an id; under an address, which couples and siblings
-- share, only inside a long word, or where it is lost and the address has it (Chn is chen@…, but Marta is not Maria).
-- Who has the whole name in the address has what names nobody as well. More than eight names are not compared.
-- Facts are passed on four times, which joins whatever is at most four shared facts apart on either side.
with claims as (
    select
        cast(row_number() over (order by identity_text) as bigint) as claim_number,
        identity_text,
        companion_text,
        person_id,
        email,
        traveller_name,
        coalesce(person_id, email) as key_text
    from core.identity_match
    where roster_person_id is null
),

-- "TBA/TBA MR" is nobody's name.
names as (
    select distinct
        c.claim_number,
        c.traveller_name,
        least(split_part(f.form, '|', 1), split_part(f.form, '|', 2))
        || '|' || greatest(split_part(f.form, '|', 1), split_part(f.form, '|', 2)) as name_pair
    from claims as c
    inner join core.name_form as f on c.traveller_name = f.name_text
    where
        f.form_level = 0 and not f.is_unmarked
        and not regexp_matches(
            f.form,
            '^(tba|tbc|tbd|tbn|unknown|guest|passenger|pax|traveller|traveler|na|none|name|xx+)?'
            || '[|](tba|tbc|tbd|tbn|unknown|guest|passenger|pax|traveller|traveler|na|none|name|xx+)?$'
        )
),

keys as (
    select
        claim_number,
        concat('id:', person_id) as key_fact
    from claims
    where person_id is not null
    union all
    select
        claim_number,
        concat('email:', email) as key_fact
    from claims
    where email is not null
),

-- One text stands for all spellings of a name.
spelt as (
    select
        claim_number,
        traveller_name,
        min(name_pair) as name_pair
    from names
    group by claim_number, traveller_name
),

key_name as (
    select
        k.key_fact,
        n.name_pair,
        min(n.traveller_name) as traveller_name
    from keys as k
    inner join spelt as n on k.claim_number = n.claim_number
    group by k.key_fact, n.name_pair
),

name_count as (
    select
        key_fact,
        count(*) as names
    from key_name
    group by key_fact
    having count(*) > 1
),

few_names as (
    select
        k.key_fact,
        k.traveller_name
    from key_name as k
    inner join name_count as c on k.key_fact = c.key_fact
    where c.names <= 8
),

key_pair as (
    select
        a.key_fact,
        a.traveller_name as one_name,
        b.traveller_name as other_name,
        starts_with(a.key_fact, 'id:') as is_id
    from few_names as a
    inner join few_names as b on a.key_fact = b.key_fact and a.traveller_name < b.traveller_name
),

compared as (
    select distinct
        one_name,
        other_name
    from key_pair
),

agreed_form as (
    select distinct
        p.one_name,
        p.other_name
    from compared as p
    inner join core.name_form as a on p.one_name = a.name_text
    inner join core.name_form as b on p.other_name = b.name_text and a.form = b.form
    where
        a.form_level + b.form_level < 6
        and (starts_with(a.middle, b.middle) or starts_with(b.middle, a.middle))
),

-- Only the few names that are compared, or the join below would be of everybody with one family name.
few_pairs as (
    select distinct
        n.traveller_name,
        n.name_pair
    from names as n
    inner join few_names as f on n.traveller_name = f.traveller_name
),

halves as (
    select
        traveller_name,
        split_part(name_pair, '|', 1) as one_half,
        split_part(name_pair, '|', 2) as other_half
    from few_pairs
    union
    select
        traveller_name,
        split_part(name_pair, '|', 2) as one_half,
        split_part(name_pair, '|', 1) as other_half
    from few_pairs
),

-- One half of the name is the same, and of the other one letter is not; or one is the half or the whole of the other.
alike as (
    select
        p.one_name,
        p.other_name,
        a.other_half as one_half,
        b.other_half
    from compared as p
    inner join halves as a on p.one_name = a.traveller_name
    inner join halves as b on p.other_name = b.traveller_name and a.one_half = b.one_half
    where
        a.one_half <> ''
        and (a.other_half = '' or b.other_half = '' or damerau_levenshtein(a.other_half, b.other_half) <= 1)
),

agreed_name as (
    select
        p.key_fact,
        p.one_name,
        p.other_name
    from key_pair as p
    inner join agreed_form as f on p.one_name = f.one_name and p.other_name = f.other_name
    union
    select
        p.key_fact,
        p.one_name,
        p.other_name
    from key_pair as p
    inner join alike as l on p.one_name = l.one_name and p.other_name = l.other_name
    where
        p.is_id or l.one_half = '' or l.other_half = ''
        or (
            left(l.one_half, 1) = left(l.other_half, 1) and right(l.one_half, 1) = right(l.other_half, 1)
            and (
                least(length(l.one_half), length(l.other_half)) >= 6
                or (
                    length(l.one_half) <> length(l.other_half)
                    and (strpos(p.key_fact, l.one_half) > 0 or strpos(p.key_fact, l.other_half) > 0)
                )
            )
        )
),

shared_key as (
    select key_fact
    from name_count
    where names > 8
    union
    select p.key_fact
    from key_pair as p
    left join agreed_name as g
        on p.key_fact = g.key_fact and p.one_name = g.one_name and p.other_name = g.other_name
    where g.key_fact is null
),

address_holder as (
    select
        s.key_fact,
        min(n.name_pair) as name_pair
    from shared_key as s
    inner join keys as k on s.key_fact = k.key_fact
    inner join names as n on k.claim_number = n.claim_number
    where
        starts_with(s.key_fact, 'email:')
        and length(split_part(n.name_pair, '|', 1)) >= 2 and length(split_part(n.name_pair, '|', 2)) >= 2
        and strpos(split_part(substr(s.key_fact, 7), '@', 1), split_part(n.name_pair, '|', 1)) > 0
        and strpos(split_part(substr(s.key_fact, 7), '@', 1), split_part(n.name_pair, '|', 2)) > 0
    group by s.key_fact
    having count(distinct n.name_pair) = 1
),

key_facts as (
    select distinct
        k.claim_number,
        case
            when s.key_fact is null then k.key_fact
            else concat(k.key_fact, '|', coalesce(n.name_pair, h.name_pair, ''))
        end as fact
    from keys as k
    left join shared_key as s on k.key_fact = s.key_fact
    left join names as n on k.claim_number = n.claim_number and s.key_fact is not null
    left join address_holder as h on s.key_fact = h.key_fact
),

-- Whom the keys alone make one, so that an id and an address of one person do not contradict each other.
key_holder as (
    select
        fact,
        min(claim_number) as holder
    from key_facts
    group by fact
),

key_once as (
    select
        f.claim_number,
        min(h.holder) as holder
    from key_facts as f
    inner join key_holder as h on f.fact = h.fact
    group by f.claim_number
),

key_holder_twice as (
    select
        f.fact,
        min(o.holder) as holder
    from key_facts as f
    inner join key_once as o on f.claim_number = o.claim_number
    group by f.fact
),

key_group as (
    select
        f.claim_number,
        min(h.holder) as holder
    from key_facts as f
    inner join key_holder_twice as h on f.fact = h.fact
    group by f.claim_number
),

titles as (
    select
        claim_number,
        case
            when regexp_matches(traveller_name, '\b(mr|mstr|herr)\b|/.*[^ /]{2}mr$') then 'm'
            when regexp_matches(traveller_name, '\b(mrs|ms|miss|mme|mlle|frau)\b|/.*[^ /]{2}(mrs|ms|miss)$') then 'f'
        end as title
    from claims
),

segments as (
    select
        c.claim_number,
        g.holder,
        s.source,
        s.trip_ref,
        s.segment_kind,
        s.carrier_code,
        s.service_number,
        s.phone,
        cast(s.starts_local as date) as first_date,
        cast(coalesce(s.ends_local, s.starts_local) as date) as last_date
    from stage.segment as s
    inner join claims as c on s.identity_text = c.identity_text
    left join key_group as g on c.claim_number = g.claim_number
),

said as (
    select distinct
        claim_number,
        holder,
        concat('phone:', right(regexp_replace(phone, '[^0-9]', '', 'g'), 9)) as said
    from segments
    where length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 7
    union
    select distinct
        claim_number,
        holder,
        concat('flight:', carrier_code, service_number, ':', cast(first_date as varchar)) as said
    from segments
    where segment_kind = 'movement' and service_number <> '' and first_date is not null
    union
    select
        claim_number,
        min(holder) as holder,
        concat('first day:', cast(min(first_date) as varchar)) as said
    from segments
    where first_date is not null
    group by claim_number, source, trip_ref
    union
    select
        claim_number,
        min(holder) as holder,
        concat('last day:', cast(max(last_date) as varchar)) as said
    from segments
    where last_date is not null
    group by claim_number, source, trip_ref
),

name_facts as (
    select
        s.claim_number,
        s.holder,
        concat(n.name_pair, '|', s.said) as fact,
        t.title
    from said as s
    inner join names as n on s.claim_number = n.claim_number
    inner join titles as t on s.claim_number = t.claim_number
),

agreed_name_fact as (
    select fact
    from name_facts
    group by fact
    having count(distinct claim_number) > 1 and count(distinct holder) <= 1 and count(distinct title) <= 1
),

all_facts as (
    select
        claim_number,
        fact
    from key_facts
    union
    select
        f.claim_number,
        f.fact
    from name_facts as f
    inner join agreed_name_fact as a on f.fact = a.fact
    union
    select
        claim_number,
        concat('companion:', coalesce(companion_text, identity_text)) as fact
    from claims
    where companion_text is not null or key_text is null
    union
    select
        c.claim_number,
        concat('companion:', c.identity_text) as fact
    from claims as c
    inner join claims as b on c.identity_text = b.companion_text
),

shared_fact as (
    select
        fact,
        min(claim_number) as least_number
    from all_facts
    group by fact
    having count(*) > 1
),

facts as (
    select
        f.claim_number,
        f.fact,
        s.least_number
    from all_facts as f
    inner join shared_fact as s on f.fact = s.fact
),

once as (
    select
        claim_number,
        min(least_number) as person_group
    from facts
    group by claim_number
),

second_pass as (
    select
        f.fact,
        min(o.person_group) as person_group
    from facts as f
    inner join once as o on f.claim_number = o.claim_number
    group by f.fact
),

twice as (
    select
        f.claim_number,
        min(p.person_group) as person_group
    from facts as f
    inner join second_pass as p on f.fact = p.fact
    group by f.claim_number
),

third_pass as (
    select
        f.fact,
        min(o.person_group) as person_group
    from facts as f
    inner join twice as o on f.claim_number = o.claim_number
    group by f.fact
),

thrice as (
    select
        f.claim_number,
        min(p.person_group) as person_group
    from facts as f
    inner join third_pass as p on f.fact = p.fact
    group by f.claim_number
),

fourth_pass as (
    select
        f.fact,
        min(o.person_group) as person_group
    from facts as f
    inner join thrice as o on f.claim_number = o.claim_number
    group by f.fact
),

four_times as (
    select
        f.claim_number,
        min(p.person_group) as person_group
    from facts as f
    inner join fourth_pass as p on f.fact = p.fact
    group by f.claim_number
),

own_key as (
    select
        c.claim_number,
        c.identity_text,
        min(
            case
                when k.fact is not null then k.fact
                when c.traveller_name is not null then concat('name:', c.identity_text)
                else concat('trip:', c.identity_text)
            end
        ) as own_key
    from claims as c
    left join key_facts as k on c.claim_number = k.claim_number
    group by c.claim_number, c.identity_text
)

select
    o.identity_text,
    coalesce(g.person_group, o.claim_number) as person_group,
    o.own_key
from own_key as o
left join four_times as g on o.claim_number = g.claim_number
