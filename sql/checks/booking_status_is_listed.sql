-- title: booking segments with a status code that is not listed; they count as confirmed (S2)
-- severity: warning
select
    b.file_number,
    b.record_number
from land.bookings as b
left join reference.booking_status as s
    on regexp_extract(upper(b.status_code), '^\s*([A-Z]{2})\s*[0-9]*\s*$', 1) = s.status_code
where b.status_code is not null and s.status_code is null
