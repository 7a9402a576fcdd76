-- Grain: stay piece (S5), in order of its start.
-- Rules: S1 to S9. ends_at is NULL while nothing says when the stay ends (S7).
with pieces as (
    select * from core.stay_piece
),

said as (
    select
        stay_id,
        unnest(segment_keys) as segment_key
    from pieces
),

evidence as (
    select
        s.stay_id,
        list_sort(list(distinct g.evidence)) as evidence
    from said as s
    inner join core.segment as g on s.segment_key = g.segment_key
    group by s.stay_id
),

places as (
    select * from core.place
),

historical as (
    select distinct place_id
    from core.place_match
    where place_status = 'historical'
)

select
    s.stay_id,
    p.traveller_id,
    t.trip_id,
    g.place_id,
    g.place_name,
    g.country_code,
    g.region_code,
    g.latitude,
    g.longitude,
    s.starts_at,
    s.ends_at,
    s.presence,
    1.0 / s.candidate_count as weight,
    s.candidate_count,
    s.is_home,
    case
        when g.place_type = 'unknown' then 'unknown'
        when h.place_id is not null then 'historical'
        when s.is_guessed then 'fuzzy'
        else 'resolved'
    end as place_status,
    g.precision,
    g.is_zone_assumed,
    g.timezone,
    e.evidence
from pieces as s
inner join evidence as e on s.stay_id = e.stay_id
inner join core.pseudonym as p on s.traveller_key = p.traveller_key
inner join core.trip_reference as t on s.trip_key = t.trip_key
inner join places as g on s.place_key = g.place_key
left join historical as h on g.place_id = h.place_id
order by s.stay_id
