-- Grain: segment of a registration, booking or expense report, as its feed states it, in local time.
-- Rules: S2 (status: cancelled, confirmed, possible), S3 (carrier and number in one spelling).
-- A status code may carry the number of passengers: HK2 is HK.
-- A rented car counts as a presence where it was taken; an expense as a presence on its date, unless its type
-- (a ticket, a fee) is bought from anywhere. ARNK only says that a stretch was not booked.
-- Three capitals in a flight are an airport's code: FRA is Frankfurt there, and France only elsewhere. Who registers a
-- flight to TBD does not know where to, though an airport bears that code; a booking's columns hold nothing but codes.
-- The kind of a code that has moved from one airport to another carries the day ('iata 2014-05-03') by which it is
-- read.
-- A country column's word that is no country hints at none; with nothing beside it, it is the text, and of a kind that
-- is never read as an airport or a town (P2).
-- identity_text joins what names the traveller; without a person id or an e-mail address it carries the trip as well,
-- because a name alone does not make two trips one person's (S10). What forms are filled with (N/A, 00000, GUEST,
-- noreply@…) is no id and no address unless the roster has it: else all who bear it would be one person.
-- segment_key packs file, record and repetition (F1), so that it needs no sort and leads back to the bytes.
with registered as (
    select
        'registration' as source,
        trip_id as trip_ref,
        person_id,
        case when traveller_email like '%@%' then lower(trim(traveller_email)) end as email,
        traveller_name,
        contact_phone as phone,
        case
            when segment_type in ('flight', 'rail', 'road', 'sea') then 'movement'
            when segment_type is null and from_place is not null and to_place is not null then 'movement'
            else coalesce(segment_type, 'presence')
        end as segment_kind,
        segment_type,
        case trip_status when 'cancelled' then 'cancelled' when 'tentative' then 'possible' else 'confirmed' end
            as segment_status,
        segment_number,
        from_place as from_text,
        cast(null as varchar) as from_country_hint,
        case
            when
                segment_type = 'flight' and regexp_matches(trim(from_place), '^[A-Z]{3}$')
                and trim(from_place) not in ('ANY', 'TBA', 'TBC', 'TBD', 'TBN', 'UNK', 'XXX')
                then 'iata'
            else 'text'
        end
            as from_kind,
        case when segment_type in ('lodging', 'presence') then coalesce(to_place, from_place) else to_place end
            as to_text,
        cast(null as varchar) as to_country_hint,
        cast(null as varchar) as to_region_hint,
        case
            when
                segment_type = 'flight' and regexp_matches(trim(to_place), '^[A-Z]{3}$')
                and trim(to_place) not in ('ANY', 'TBA', 'TBC', 'TBD', 'TBN', 'UNK', 'XXX')
                then 'iata'
            else 'text'
        end
            as to_kind,
        starts_local,
        coalesce(starts_local_has_time, false) as starts_has_time,
        ends_local,
        coalesce(ends_local_has_time, false) as ends_has_time,
        carrier_code,
        service_number,
        property_name,
        coalesce(updated_at, registered_at, received_at) as updated_at,
        feed,
        file_number,
        record_number,
        repetition
    from land.registrations
),

booked as (
    select
        'booking' as source,
        concat('booking:', b.record_locator, ':', cast(b.booking_issued_date as varchar)) as trip_ref,
        b.employee_id as person_id,
        case when b.traveller_email like '%@%' then lower(trim(b.traveller_email)) end as email,
        b.traveller_name,
        b.traveller_phone as phone,
        case b.segment_type
            when 'air' then 'movement' when 'rail' then 'movement' when 'htl' then 'lodging' else 'presence'
        end
            as segment_kind,
        b.segment_type,
        case when b.status_code is null then 'confirmed' else coalesce(s.segment_status, 'confirmed') end
            as segment_status,
        b.segment_number,
        case when b.segment_type in ('air', 'rail') then b.from_code end as from_text,
        cast(null as varchar) as from_country_hint,
        'iata' as from_kind,
        case
            when b.segment_type in ('air', 'rail') then b.to_code
            else coalesce(b.city, b.to_code, b.from_code, case when c.country_code is null then b.country_code end)
        end as to_text,
        case when b.segment_type not in ('air', 'rail') then c.country_code end as to_country_hint,
        cast(null as varchar) as to_region_hint,
        case
            when b.segment_type in ('air', 'rail') then 'iata'
            when b.city is not null then 'text'
            when coalesce(b.to_code, b.from_code) is null and b.country_code is not null and c.country_code is null
                then 'country'
            else 'iata'
        end as to_kind,
        b.starts_local,
        coalesce(b.starts_local_has_time, false) as starts_has_time,
        b.ends_local,
        coalesce(b.ends_local_has_time, false) as ends_has_time,
        b.carrier_code,
        b.service_number,
        b.property_name,
        coalesce(b.updated_at, b.issued_at, b.received_at) as updated_at,
        b.feed,
        b.file_number,
        b.record_number,
        b.repetition
    from land.bookings as b
    left join reference.booking_status as s
        on regexp_extract(upper(b.status_code), '^\s*([A-Z]{2})\s*[0-9]*\s*$', 1) = s.status_code
    left join stage.country_text as c on b.country_code = c.country_text
    where coalesce(upper(b.carrier_code), '') <> 'ARNK' and coalesce(trim(upper(b.status_code)), '') <> 'ARNK'
),

spent as (
    select
        'expense' as source,
        concat('expense:', e.report_id) as trip_ref,
        e.employee_id as person_id,
        case when e.email like '%@%' then lower(trim(e.email)) end as email,
        cast(null as varchar) as traveller_name,
        cast(null as varchar) as phone,
        'presence' as segment_kind,
        'expense' as segment_type,
        'confirmed' as segment_status,
        e.line_number as segment_number,
        cast(null as varchar) as from_text,
        cast(null as varchar) as from_country_hint,
        'text' as from_kind,
        coalesce(e.city, case when c.country_code is null then e.country_code end) as to_text,
        c.country_code as to_country_hint,
        upper(e.country_subdivision_code) as to_region_hint,
        case
            when e.city is null and e.country_code is not null and c.country_code is null then 'country' else 'text'
        end
            as to_kind,
        cast(e.transaction_date as timestamp) as starts_local,
        false as starts_has_time,
        cast(e.transaction_date as timestamp) as ends_local,
        false as ends_has_time,
        cast(null as varchar) as carrier_code,
        cast(null as varchar) as service_number,
        cast(null as varchar) as property_name,
        e.received_at as updated_at,
        e.feed,
        e.file_number,
        e.record_number,
        e.repetition
    from land.expenses as e
    left join reference.expense_type as t on lower(trim(e.expense_type)) = t.expense_type
    left join stage.country_text as c on e.country_code = c.country_text
    where coalesce(t.places_traveller, true)
),

united as (
    select * from registered
    union all
    select * from booked
    union all
    select * from spent
),

moved_code as (
    select distinct code_key
    from reference.gazetteer_code_holder
),

stated_id as (
    select person_id from land.registrations
    union
    select employee_id as person_id from land.bookings
    union
    select employee_id as person_id from land.expenses
),

roster_id as (
    select distinct ltrim(translate(upper(person_id), ' -./_#?*', ''), '0') as filler
    from stage.person
    where length(person_id) <= 14
),

filler_id as (
    select s.person_id
    from (
        select
            person_id,
            ltrim(translate(upper(person_id), ' -./_#?*', ''), '0') as filler
        from stated_id
        where length(person_id) <= 14
    ) as s
    left join roster_id as r on s.filler = r.filler
    where
        r.filler is null
        and s.filler in (
            '', 'NA', 'NONE', 'NULL', 'NIL', 'NOID', 'UNKNOWN', 'UNKN', 'UNK', 'TBA', 'TBC', 'TBD', 'TBN', 'GUEST',
            'VISITOR', 'EXTERNAL', 'NONEMPLOYEE', 'NOTAPPLICABLE', 'NOTAVAILABLE', 'NOTPROVIDED', 'TEST', 'DUMMY', 'X',
            'XX', 'XXX', 'XXXX', 'XXXXX', 'XXXXXX'
        )
),

stated_email as (
    select traveller_email as email from land.registrations
    union
    select traveller_email as email from land.bookings
    union
    select email from land.expenses
),

filler_email as (
    select distinct lower(trim(s.email)) as email
    from stated_email as s
    left join stage.person_email as p on lower(trim(s.email)) = p.email
    where
        p.email is null
        and s.email like '%@%'
        and translate(split_part(lower(trim(s.email)), '@', 1), '-_.', '') in (
            'noreply', 'donotreply', 'noemail', 'nomail', 'none', 'nobody', 'unknown', 'notprovided', 'notavailable'
        )
)

select
    u.source,
    u.trip_ref,
    concat(
        case when i.person_id is null then coalesce(u.person_id, '') else '' end,
        '|',
        case when e.email is null then coalesce(u.email, '') else '' end,
        '|',
        coalesce(lower(u.traveller_name), ''),
        case
            when (u.person_id is null or i.person_id is not null) and (u.email is null or e.email is not null)
                then concat('|', u.source, ':', u.trip_ref)
            else ''
        end
    ) as identity_text,
    case when i.person_id is null then u.person_id end as person_id,
    case when e.email is null then u.email end as email,
    u.traveller_name,
    u.phone,
    u.segment_kind,
    u.segment_type,
    u.segment_status,
    u.segment_number,
    u.from_text,
    u.from_country_hint,
    case
        when f.code_key is null then u.from_kind
        else concat(u.from_kind, ' ', cast(cast(coalesce(u.starts_local, u.ends_local) as date) as varchar))
    end as from_kind,
    u.to_text,
    u.to_country_hint,
    u.to_region_hint,
    case
        when t.code_key is null then u.to_kind
        else concat(u.to_kind, ' ', cast(cast(coalesce(u.ends_local, u.starts_local) as date) as varchar))
    end as to_kind,
    u.starts_local,
    u.starts_has_time,
    u.ends_local,
    u.ends_has_time,
    upper(u.carrier_code) as carrier_code,
    ltrim(regexp_extract(upper(u.service_number), '([0-9]+)[A-Z]?$', 1), '0') as service_number,
    u.property_name,
    u.updated_at,
    cast(u.file_number as bigint) * 68719476736 + cast(u.record_number as bigint) * 64 + cast(u.repetition as bigint)
        as segment_key
from united as u
left join moved_code as f on u.from_kind = 'iata' and lower(trim(u.from_text)) = f.code_key
left join moved_code as t on u.to_kind = 'iata' and lower(trim(u.to_text)) = t.code_key
left join filler_id as i on u.person_id = i.person_id
left join filler_email as e on u.email = e.email
