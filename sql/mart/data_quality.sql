-- Grain: finding of a check.
-- Rules: section 9. No finding holds a personal value.
select
    check_name,
    severity,
    table_name,
    failing_rows,
    message
from core.finding
order by check_name, table_name
