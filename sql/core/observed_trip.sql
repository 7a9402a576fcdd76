-- Grain: observed trip: what bookings and expenses show of one journey abroad.
-- Rules: A1, A2 (country of most nights, ties: first visited), A4 (audit_id is made of the trip's first booking, else
-- its first report, and so survives rebuilds, new dates and a booking issued anew).
-- Days decide only between countries of which no night is seen, as of receipts: a day more there is all that tells them
-- apart. Between equal nights a day more is but a day of passing through.
with nights as (
    select
        observed_key,
        country_code,
        sum(case when is_night then 1 else 0 end) as night_count,
        count(*) as day_count,
        min(day_date) as first_date,
        bool_and(is_vague) as is_vague
    from core.audit_day
    where country_code is not null
    group by observed_key, country_code
),

main_country as (
    select
        observed_key,
        country_code
    from (
        select
            observed_key,
            country_code,
            row_number() over (
                partition by observed_key
                order by
                    is_vague asc,
                    night_count desc,
                    case when night_count = 0 then day_count end desc,
                    first_date asc,
                    country_code asc
            ) as choice
        from nights
    ) as ranked
    where choice = 1
),

-- The stay that the words of a finding begin with: the first of the main country that shows how the traveller came.
opening as (
    select
        observed_key,
        segment_key,
        trip_key,
        place_key,
        segment_kind,
        segment_type,
        starts_date
    from (
        select
            s.*,
            row_number() over (
                partition by s.observed_key
                order by
                    (s.country_code is not distinct from m.country_code) desc,
                    s.is_vague asc,
                    (s.segment_kind = 'movement' and s.left_home_at is not null) desc,
                    s.starts_date asc,
                    (s.source = 'booking') desc,
                    s.segment_key asc,
                    s.place_key asc
            ) as choice
        from core.observed_stay as s
        left join main_country as m on s.observed_key = m.observed_key
    ) as ranked
    where choice = 1
),

parts as (
    select
        s.observed_key,
        s.trip_key,
        t.trip_ref,
        t.source,
        case t.source
            when 'booking' then concat('0 ', split_part(t.trip_ref, ':', 3), ' ', t.trip_id)
            else concat('1 ', t.trip_id)
        end
            as anchor_order,
        min(s.starts_date) as starts_date
    from core.observed_stay as s
    inner join core.trip_reference as t on s.trip_key = t.trip_key
    group by s.observed_key, s.trip_key, t.trip_ref, t.trip_id, t.source
),

united as (
    select
        observed_key,
        min(anchor_order) as anchor_text,
        list_sort(list(trip_ref)) as observed_refs,
        bool_or(source = 'booking') as has_booking,
        bool_or(source = 'expense') as has_expense
    from parts
    group by observed_key
),

spans as (
    select
        s.observed_key,
        s.traveller_key,
        min(s.starts_date) as starts_date,
        max(s.ends_date) as ends_date,
        min(s.left_home_at) as left_home_at,
        bool_and(s.is_cancelled) as is_cancelled,
        list_sort(list(distinct s.segment_key)) as segment_keys
    from core.observed_stay as s
    group by s.observed_key, s.traveller_key
),

anchored as (
    select
        s.observed_key,
        concat(
            u.anchor_text,
            '#',
            cast(
                row_number() over (
                    partition by u.anchor_text, s.is_cancelled
                    order by s.starts_date, s.observed_key
                ) as varchar
            ),
            case when s.is_cancelled then ' cancelled' else '' end
        ) as anchor_text
    from spans as s
    inner join united as u on s.observed_key = u.observed_key
)

select
    s.observed_key,
    s.traveller_key,
    concat('a_', substr(sha256(a.anchor_text), 1, 16)) as audit_id,
    m.country_code,
    s.starts_date,
    s.ends_date,
    s.left_home_at,
    s.is_cancelled,
    u.has_booking,
    u.has_expense,
    u.observed_refs,
    s.segment_keys,
    o.trip_key as opening_trip_key,
    o.place_key as opening_place_key,
    o.segment_kind as opening_kind,
    o.segment_type as opening_type,
    o.starts_date as opening_date
from spans as s
inner join anchored as a on s.observed_key = a.observed_key
inner join united as u on s.observed_key = u.observed_key
inner join opening as o on s.observed_key = o.observed_key
left join main_country as m on s.observed_key = m.observed_key
