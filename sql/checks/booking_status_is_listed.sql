-- title: booking segments with a status code that is not listed; they count as confirmed (S2)
-- severity: warning
select
    b.file_number,
    b.record_number
from land.bookings as b
left join reference.booking_status as s on upper(b.status_code) = s.status_code
where b.status_code is not null and s.status_code is null
