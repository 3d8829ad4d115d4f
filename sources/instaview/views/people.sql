-- One row a profile over all requests that delivered it: sourcing, preview, and enrichment where it succeeded.
--
-- question: Whom do we know by now, how well do they fit at best, and how can they be reached?
-- key: profile_id
--
-- profile_id: The API's id of the profile.
-- name: Full name, like the next four as the latest delivery that names the person has it.
-- linkedin_url: Address of the LinkedIn profile.
-- headline: Headline of the profile.
-- location: Where the person lives.
-- current_company: Present employer.
-- first_seen_at: When the first run that delivered the profile was completed, or later: of a run that was re-run and
--   lists it again only the last pass is known.
-- last_seen_at: When the latest run that delivered it was completed.
-- best_score: Highest match score in any request; null where it never had one.
-- emails: Different e-mail addresses known, regardless of capitals.
-- email: One of them, of the latest delivery that had any; null where none is known.
-- runs: Requests that delivered it.
-- sourcing_runs: Of these the sourcing runs.
-- preview_runs: Of these the previews.
-- enrichment_runs: Of these the enrichment runs that enriched it.

WITH deliveries AS (
    SELECT
        profile_id,
        candidate_id,
        'sourcing' AS kind,
        match_score,
        name,
        linkedin_url,
        headline,
        location,
        current_company,
        run_completed_at
    FROM candidates
    UNION ALL
    SELECT
        profile_id,
        candidate_id,
        'enrichment' AS kind,
        match_score,
        name,
        linkedin_url,
        headline,
        location,
        current_company,
        run_completed_at
    FROM enrichment_profiles
    WHERE success
    UNION ALL
    SELECT
        profile_id,
        candidate_id,
        'preview' AS kind,
        CAST(NULL AS DOUBLE) AS match_score,
        name,
        linkedin_url,
        headline,
        location,
        current_company,
        run_completed_at
    FROM preview_candidates
),

latest_first AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY profile_id
            ORDER BY CASE WHEN name IS NULL THEN 1 ELSE 0 END, run_completed_at DESC NULLS LAST, candidate_id
        ) AS place
    FROM deliveries
),

profiles AS (
    SELECT
        profile_id,
        MIN(run_completed_at) AS first_seen_at,
        MAX(run_completed_at) AS last_seen_at,
        MAX(match_score) AS best_score,
        COUNT(*) AS runs,
        COUNT(CASE WHEN kind = 'sourcing' THEN 1 END) AS sourcing_runs,
        COUNT(CASE WHEN kind = 'preview' THEN 1 END) AS preview_runs,
        COUNT(CASE WHEN kind = 'enrichment' THEN 1 END) AS enrichment_runs
    FROM deliveries
    GROUP BY profile_id
),

addresses AS (
    SELECT profile_id, COUNT(DISTINCT LOWER(email)) AS emails
    FROM profile_emails
    WHERE TRIM(email) <> ''
    GROUP BY profile_id
),

addresses_latest_first AS (
    SELECT
        e.profile_id,
        e.email,
        ROW_NUMBER() OVER (
            PARTITION BY e.profile_id
            ORDER BY d.run_completed_at DESC NULLS LAST, e.candidate_id, e.position
        ) AS place
    FROM profile_emails AS e
    INNER JOIN deliveries AS d ON e.candidate_id = d.candidate_id
    WHERE TRIM(e.email) <> ''
)

SELECT
    p.profile_id,
    l.name,
    l.linkedin_url,
    l.headline,
    l.location,
    l.current_company,
    p.first_seen_at,
    p.last_seen_at,
    p.best_score,
    COALESCE(a.emails, 0) AS emails,
    al.email,
    p.runs,
    p.sourcing_runs,
    p.preview_runs,
    p.enrichment_runs
FROM profiles AS p
INNER JOIN latest_first AS l ON p.profile_id = l.profile_id AND l.place = 1
LEFT JOIN addresses AS a ON p.profile_id = a.profile_id
LEFT JOIN addresses_latest_first AS al ON p.profile_id = al.profile_id AND al.place = 1
