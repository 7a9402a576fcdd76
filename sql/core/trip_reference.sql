-- Grain: trip of one feed x traveller: a registration, a booking, an expense report.
-- Rules: S10, section 9 (ids of trips). trip_key is dense; registrations come last, by their last update, so that
-- of several trips behind one stay the largest key is the registered trip last updated.
with segments as (
    select
        source,
        trip_ref,
        identity_text,
        updated_at
    from stage.segment
),

identity as (
    select
        identity_text,
        identity_key
    from core.identity
),

travellers as (
    select
        identity_key,
        traveller_key
    from core.traveller
),

named as (
    select
        i.identity_text,
        t.traveller_key
    from identity as i
    inner join travellers as t on i.identity_key = t.identity_key
),

trips as (
    select
        s.source,
        s.trip_ref,
        n.traveller_key,
        max(s.updated_at) as updated_at
    from segments as s
    inner join named as n on s.identity_text = n.identity_text
    group by s.source, s.trip_ref, n.traveller_key
),

numbered as (
    select
        source,
        trip_ref,
        traveller_key,
        updated_at,
        row_number() over (partition by source, trip_ref order by traveller_key) as traveller_number
    from trips
)

select
    cast(
        row_number() over (order by (source = 'registration'), updated_at, source, trip_ref, traveller_key) as integer
    ) as trip_key,
    source,
    trip_ref,
    traveller_key,
    updated_at,
    case when traveller_number = 1 then trip_ref else concat(trip_ref, ':', cast(traveller_number as varchar)) end
        as trip_id
from numbered
