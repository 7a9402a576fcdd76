-- Grain: place text that is unresolved or a guess, with the hints beside it, x each such place that it may mean.
-- Rules: P1 (a guess is listed for confirmation), P2 (what is unknown is shown and counted), P4, E2 (person_days).
-- A line of the text and a place id in the home's places.csv settles a text. Counted are the stays to which a segment
-- of the text bears witness; a stay of several such texts counts with each. An open end counts up to as_of. A place not
-- given at all is listed only where stays hang on it.
with parameter as (
    select as_of
    from reference.parameter
),

issues as (
    select
        row_number() over (
            order by m.text_kind, m.place_text, m.country_hint, m.region_hint, m.candidate_number
        ) as issue_number,
        m.place_text,
        m.text_kind,
        m.country_hint,
        m.region_hint,
        m.place_status,
        m.match_method,
        m.match_score,
        m.candidate_number,
        m.candidate_count,
        p.place_key,
        p.place_id,
        p.place_name,
        p.region_code,
        p.country_code
    from core.place_match as m
    inner join core.place as p on m.place_id = p.place_id
    where m.place_status in ('unknown', 'fuzzy')
),

texts as (
    select
        segment_key,
        coalesce(to_text, '') as place_text,
        to_kind as text_kind,
        coalesce(to_country_hint, '') as country_hint,
        coalesce(to_region_hint, '') as region_hint
    from stage.segment
    union all
    select
        segment_key,
        coalesce(from_text, '') as place_text,
        from_kind as text_kind,
        coalesce(from_country_hint, '') as country_hint,
        '' as region_hint
    from stage.segment
    where segment_kind = 'movement'
),

witnesses as (
    select distinct
        i.issue_number,
        i.place_key,
        t.segment_key
    from issues as i
    inner join texts as t
        on
            coalesce(i.place_text, '') = t.place_text
            and i.text_kind = t.text_kind
            and coalesce(i.country_hint, '') = t.country_hint
            and coalesce(i.region_hint, '') = t.region_hint
),

issue_places as (
    select distinct place_key
    from issues
),

pieces as (
    select
        s.stay_id,
        s.traveller_key,
        s.place_key,
        s.starts_at,
        coalesce(s.ends_at, greatest(s.starts_at, a.as_of)) as ends_at,
        s.candidate_count,
        unnest(s.segment_keys) as segment_key
    from core.stay_piece as s
    inner join issue_places as i on s.place_key = i.place_key
    cross join parameter as a
),

stays as (
    select distinct
        w.issue_number,
        p.stay_id,
        p.traveller_key,
        cast(epoch_us(p.ends_at) - epoch_us(p.starts_at) as hugeint) * 2520 // p.candidate_count as weighted_us
    from witnesses as w
    inner join pieces as p on w.place_key = p.place_key and w.segment_key = p.segment_key
),

counts as (
    select
        issue_number,
        count(*) as stays,
        count(distinct traveller_key) as travellers,
        sum(weighted_us) as weighted_us
    from stays
    group by issue_number
)

select
    i.place_text,
    i.text_kind,
    i.country_hint,
    i.region_hint,
    i.place_status,
    i.match_method,
    i.match_score,
    i.candidate_number,
    i.candidate_count,
    i.place_id,
    i.place_name,
    i.region_code,
    i.country_code,
    coalesce(c.stays, 0) as stays,
    coalesce(c.travellers, 0) as travellers,
    coalesce(cast(c.weighted_us as double) / 2520.0 / 86400000000.0, 0) as person_days
from issues as i
left join counts as c on i.issue_number = c.issue_number
where trim(coalesce(i.place_text, '')) <> '' or c.stays > 0
order by i.issue_number
