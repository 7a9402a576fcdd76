-- Grain: stay abroad that a booking or an expense states, with the observed trip that it belongs to.
-- Rules: A1 (one traveller, foreign to home, gaps of up to 2 days joined), section 9 (a report is one trip).
-- A departure from home begins a trip, so that two journeys with a day at home between are two. What shows no such
-- departure (hotels, onward tickets, expenses) joins the journey of the same country that it meets, else the journey
-- that its whole booking or report lies in or within 2 days of; the rest is joined among itself, lines of one report
-- within open_ended_days. Two reports of two countries with a whole day unseen between them are two trips: the day is
-- as likely one at home. A booking that is cancelled as a whole is an observed trip of its own.
with stays as (
    select
        s.*,
        coalesce(s.ends_date, s.starts_date) as last_date,
        coalesce(s.ends_date, s.starts_date + a.open_ended_days) as reach_date,
        a.open_ended_days
    from core.stated_stay as s
    cross join reference.parameter as a
    where s.source in ('booking', 'expense')
),

journey as (
    select
        traveller_key,
        left_home_at,
        min(starts_date) as starts_date,
        max(last_date) as ends_date,
        -- Within 2 days, but not across the time at home where it is known.
        cast(left_home_at - interval 12 hour as date) as first_date,
        coalesce(max(came_home_date), max(last_date) + 3) as until_date
    from stays
    where left_home_at is not null and not is_cancelled
    group by traveller_key, left_home_at
),

journey_country as (
    select
        traveller_key,
        left_home_at,
        country_code,
        min(starts_date) as starts_date,
        max(reach_date) as reach_date
    from stays
    where left_home_at is not null and not is_cancelled
    group by traveller_key, left_home_at, country_code
),

loose as (
    select
        segment_key,
        place_key,
        is_vague,
        traveller_key,
        trip_key,
        source,
        country_code,
        starts_date,
        last_date,
        open_ended_days
    from stays
    where left_home_at is null and not is_cancelled
),

whole as (
    select
        trip_key,
        min(starts_date) as starts_date,
        max(last_date) as ends_date
    from loose
    group by trip_key
),

near as (
    select
        l.segment_key,
        l.starts_date,
        j.left_home_at,
        coalesce(c.left_home_at is not null, false) as is_same_country,
        greatest(j.starts_date - l.last_date, l.starts_date - j.ends_date, 0) as days_apart
    from loose as l
    inner join whole as w on l.trip_key = w.trip_key
    inner join journey as j on l.traveller_key = j.traveller_key
    left join journey_country as c
        on
            j.traveller_key = c.traveller_key and j.left_home_at = c.left_home_at and l.country_code = c.country_code
            and l.starts_date <= c.reach_date and c.starts_date <= l.last_date
    where
        (w.ends_date <= j.until_date and j.first_date <= w.starts_date)
        or c.left_home_at is not null
),

nearest as (
    select
        segment_key,
        max(left_home_at) as left_home_at
    from (
        select
            segment_key,
            left_home_at,
            row_number() over (
                partition by segment_key
                order by is_same_country desc, days_apart asc, left_home_at desc
            ) as nearness
        from near
    ) as ranked
    where nearness = 1
    group by segment_key
),

-- How many journeys have begun by then: one that begins between two loose stays keeps them apart.
dated as (
    select
        traveller_key,
        starts_date as day_date,
        cast(null as bigint) as segment_key,
        1 as journey_count
    from journey
    union all
    select
        l.traveller_key,
        l.starts_date as day_date,
        l.segment_key,
        0 as journey_count
    from loose as l
    anti join nearest as n on l.segment_key = n.segment_key
),

placed_in_time as (
    select
        segment_key,
        day_date,
        sum(journey_count) over (
            partition by traveller_key
            order by day_date
            range between unbounded preceding and current row
        ) as journeys_before
    from dated
),

begun_before as (
    select distinct
        segment_key,
        day_date,
        journeys_before
    from placed_in_time
    where segment_key is not null
),

alone as (
    select
        l.*,
        b.journeys_before
    from loose as l
    inner join begun_before as b on l.segment_key = b.segment_key and l.starts_date = b.day_date
),

ordered as (
    select
        *,
        max(last_date) over earlier as before_date,
        max(last_date) over earlier_in_country as before_in_country_date,
        max(case when source = 'booking' then last_date end) over earlier as before_booked_date,
        max(last_date) over earlier_in_trip as before_in_trip_date
    from alone
    window
        earlier as (
            partition by traveller_key, journeys_before
            order by starts_date, segment_key, place_key
            rows between unbounded preceding and 1 preceding
        ),
        earlier_in_country as (
            partition by traveller_key, journeys_before, country_code
            order by starts_date, segment_key, place_key
            rows between unbounded preceding and 1 preceding
        ),
        earlier_in_trip as (
            partition by traveller_key, journeys_before, trip_key
            order by starts_date, segment_key, place_key
            rows between unbounded preceding and 1 preceding
        )
),

numbered as (
    select
        *,
        sum(
            case
                when starts_date <= before_date + case source when 'booking' then 3 else 1 end then 0
                when starts_date <= before_booked_date + 3 or starts_date <= before_in_country_date + 3 then 0
                when starts_date <= before_in_trip_date + open_ended_days then 0
                else 1
            end
        ) over (
            partition by traveller_key, journeys_before
            order by starts_date, segment_key, place_key
            rows between unbounded preceding and current row
        ) as island_number
    from ordered
),

assigned as (
    select
        s.segment_key,
        s.place_key,
        s.is_vague,
        s.starts_date,
        concat('journey ', cast(s.left_home_at as varchar)) as group_text
    from stays as s
    where s.left_home_at is not null and not s.is_cancelled
    union all
    select
        l.segment_key,
        l.place_key,
        l.is_vague,
        l.starts_date,
        concat('journey ', cast(n.left_home_at as varchar)) as group_text
    from loose as l
    inner join nearest as n on l.segment_key = n.segment_key
    union all
    select
        segment_key,
        place_key,
        is_vague,
        starts_date,
        concat('alone ', cast(journeys_before as varchar), ' ', cast(island_number as varchar)) as group_text
    from numbered
    union all
    select
        segment_key,
        place_key,
        is_vague,
        starts_date,
        concat('cancelled ', cast(trip_key as varchar)) as group_text
    from stays
    where is_cancelled
)

select
    cast(dense_rank() over (order by s.traveller_key, g.group_text) as integer) as observed_key,
    s.segment_key,
    s.trip_key,
    s.traveller_key,
    s.source,
    s.segment_kind,
    s.segment_type,
    s.is_cancelled,
    s.place_key,
    s.country_code,
    s.starts_date,
    s.last_date as ends_date,
    s.left_home_at,
    s.is_vague
from stays as s
inner join assigned as g
    on
        s.segment_key = g.segment_key and s.place_key = g.place_key and s.is_vague = g.is_vague
        and s.starts_date = g.starts_date
