-- Grain: way of naming a traveller (identity_text) that leads to nobody of the roster.
-- Rules: S10 (unknown and ambiguous people are still people: each is one, listed and counted once).
-- Two ways of naming are one person where they share a fact: a person id; an e-mail address; or the name together with
-- a telephone number, a flight (carrier, number, date), or the first or last day of a trip. Days count only where no
-- two ids or addresses contradict each other. A name alone joins nothing: two trips of one name with nothing else in
-- common stay two people, who may be counted twice but cannot vanish in one another.
-- An id or address under which three or more differently named people travel is a placeholder or an office's mailbox;
-- it joins only claims of the same name. Names differ here when their first letters do: misspellings do not count.
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

names as (
    select distinct
        c.claim_number,
        least(split_part(f.form, '|', 1), split_part(f.form, '|', 2))
        || '|' || greatest(split_part(f.form, '|', 1), split_part(f.form, '|', 2)) as name_pair
    from claims as c
    inner join core.name_form as f on c.traveller_name = f.name_text
    where f.form_level = 0
),

initials as (
    select
        claim_number,
        min(left(name_pair, 1) || left(split_part(name_pair, '|', 2), 1)) as initial_pair
    from names
    group by claim_number
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

shared_key as (
    select k.key_fact
    from keys as k
    inner join initials as i on k.claim_number = i.claim_number
    group by k.key_fact
    having count(distinct i.initial_pair) >= 3
),

key_facts as (
    select
        k.claim_number,
        case when s.key_fact is null then k.key_fact else concat(k.key_fact, '|', coalesce(n.name_pair, '')) end
            as fact
    from keys as k
    left join shared_key as s on k.key_fact = s.key_fact
    left join names as n on k.claim_number = n.claim_number and s.key_fact is not null
),

segments as (
    select
        c.claim_number,
        c.key_text,
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
),

said as (
    select distinct
        claim_number,
        key_text,
        concat('phone:', right(regexp_replace(phone, '[^0-9]', '', 'g'), 9)) as said
    from segments
    where length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 7
    union
    select distinct
        claim_number,
        key_text,
        concat('flight:', carrier_code, service_number, ':', cast(first_date as varchar)) as said
    from segments
    where segment_kind = 'movement' and service_number <> '' and first_date is not null
    union
    select
        claim_number,
        min(key_text) as key_text,
        concat('first day:', cast(min(first_date) as varchar)) as said
    from segments
    where first_date is not null
    group by claim_number, source, trip_ref
    union
    select
        claim_number,
        min(key_text) as key_text,
        concat('last day:', cast(max(last_date) as varchar)) as said
    from segments
    where last_date is not null
    group by claim_number, source, trip_ref
),

name_facts as (
    select
        s.claim_number,
        s.key_text,
        concat(n.name_pair, '|', s.said) as fact,
        s.said like '%day:%' as is_day
    from said as s
    inner join names as n on s.claim_number = n.claim_number
),

agreed_name_fact as (
    select fact
    from name_facts
    group by fact
    having count(distinct claim_number) > 1 and (not bool_or(is_day) or count(distinct key_text) <= 1)
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
