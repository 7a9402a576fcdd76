-- title: affiliations of judged trips that the policy does not know; its rules may then hold for these people
-- severity: warning
with known as (
    select distinct unnest(known_affiliations) as affiliation
    from reference.policy_rule
)

select
    t.affiliation,
    count(*) as trips
from core.policy_trip as t
left join known as k on t.affiliation = k.affiliation
where t.affiliation is not null and k.affiliation is null and exists (select 1 from known)
group by t.affiliation
