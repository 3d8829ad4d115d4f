-- What would it cost to get the addresses that are missing?
-- Enriching costs a credit a profile, and nothing where it fails. Here for everybody with a score of 80 or more.
SELECT
    COUNT(*) AS strong_people,
    COUNT(CASE WHEN emails > 0 THEN 1 END) AS with_email,
    COUNT(CASE WHEN emails = 0 AND enrichment_runs > 0 THEN 1 END) AS enriched_in_vain,
    COUNT(CASE WHEN emails = 0 AND enrichment_runs = 0 THEN 1 END) AS credits_at_most
FROM instaview.people
WHERE best_score >= 80;
