-- Grain: registered lodging or presence x other country abroad in which its text names a place too.
-- Rules: P1 (a text without its country means the largest place of that name), A1 (it covers what bookings and expenses
-- show of the same person on the same days in another place of the name: nobody is accused for a word left out).
-- Small places do not count: almost every name is that of some hamlet.
with places as (
    select
        place_text_number,
        country_code,
        name_weight,
        choice_rank,
        support_score
    from core.place_candidate
    where not is_alternative
),

-- Texts of one place whose own words did not choose among the countries.
undecided as (
    select
        place_text_number,
        min(country_code) as country_code
    from places
    where choice_rank = 1
    group by place_text_number
    having count(*) = 1 and max(support_score) = 0
),

namesakes as (
    select distinct
        t.place_text,
        t.text_kind,
        p.country_code
    from undecided as u
    inner join places as p on u.place_text_number = p.place_text_number and u.country_code <> p.country_code
    inner join core.place_text as t on u.place_text_number = t.place_text_number
    where p.name_weight >= 15000 and t.country_hint is null and t.region_hint is null
)

select
    s.segment_key,
    c.trip_key,
    c.traveller_key,
    n.country_code,
    c.starts_date,
    c.ends_date
from stage.segment as s
inner join namesakes as n on s.to_text = n.place_text and s.to_kind = n.text_kind
inner join core.segment as c on s.segment_key = c.segment_key
inner join core.traveller as v on c.traveller_key = v.traveller_key
where
    c.source = 'registration'
    and c.segment_kind in ('lodging', 'presence')
    and c.segment_status <> 'cancelled'
    and s.to_country_hint is null
    and s.to_region_hint is null
    and c.starts_date is not null
    and c.ends_date is not null
    and n.country_code is distinct from v.home_country_code
