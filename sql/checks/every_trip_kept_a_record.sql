-- title: registrations, bookings and expense reports that lost every record; they have no trip and no stay (F1)
-- severity: warning
with lost as (
    select distinct
        case table_name when 'registrations' then 'registration' when 'bookings' then 'booking' else 'expense' end
            as source,
        case
            when table_name = 'expenses' or substr(key_text, 1, 10) = 'forwarded:' then split_part(key_text, '|', 1)
            else key_text
        end as lost_ref
    from land.rejected_record
    where
        key_text is not null and table_name in ('registrations', 'bookings', 'expenses')
        -- What was erased is gone on purpose; a mark stands in its place.
        and not regexp_matches(key_text, '^\[(erased|expired):')
),

kept as (
    select distinct
        source,
        case source when 'registration' then trip_ref else split_part(trip_ref, ':', 2) end as kept_ref
    from core.trip_reference
)

select
    l.source,
    l.lost_ref
from lost as l
left join kept as k on l.source = k.source and l.lost_ref = k.kept_ref
where k.kept_ref is null
