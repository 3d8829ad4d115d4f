-- One row a sourcing run that ended: what it found and how good it was. Over all passes of a run that was re-run:
-- a candidate counts once, also where a later pass no longer lists them.
--
-- question: Which runs brought good candidates, and how good were they?
-- key: request_id
--
-- request_id: The run.
-- company_id: The company it was read for, where one was given.
-- status: How its last pass ended, completed or failed.
-- created_at: When the run was asked for.
-- completed_at: When its last pass ended.
-- day: The day, in UTC, of completed_at; of created_at where that is missing.
-- found: Candidates that the last pass found before scoring; null where the API did not say.
-- scored: Candidates that the model scored in the last pass; null where the API did not say.
-- delivered: Candidates delivered by all passes together.
-- delivered_last_pass: Candidates delivered by the last pass.
-- with_score: Of the delivered ones those that have a score; averages, quartiles and shares of scores are over these.
-- score_average: Mean match score, 0 to 100; null without scores, like the four that follow.
-- score_q1: Lower quartile of the match scores, interpolated between neighbours.
-- score_median: Median match score, interpolated between neighbours.
-- score_q3: Upper quartile of the match scores, interpolated between neighbours.
-- score_best: Highest match score.
-- strong: Candidates with a match score of 80 or more.
-- share_strong: strong as a share of with_score, 0 to 1; null without scores.
-- with_email: Candidates who came with at least one e-mail address.
-- share_with_email: with_email as a share of delivered, 0 to 1; null without candidates.
-- email_known: Candidates of whom this or any other request brought an e-mail address.
-- red_flags: Red flags of all candidates together.
-- red_flags_per_candidate: red_flags divided by delivered; null without candidates.
-- enriched_later: Candidates whose profile an enrichment run enriched after the pass that delivered them last; where
--   its end is not known, after the run was completed or asked for.
-- share_enriched_later: enriched_later as a share of delivered, 0 to 1; null without candidates.

WITH enriched AS (
    SELECT
        profile_id,
        MAX(run_completed_at) AS last_at,
        COUNT(*) - COUNT(run_completed_at) AS at_unknown_times
    FROM enrichment_profiles
    WHERE success
    GROUP BY profile_id
),

candidate_emails AS (
    SELECT DISTINCT candidate_id FROM profile_emails WHERE TRIM(email) <> ''
),

people_emails AS (
    SELECT DISTINCT profile_id FROM profile_emails WHERE TRIM(email) <> ''
),

flags AS (
    SELECT candidate_id, COUNT(*) AS flags FROM profile_red_flags WHERE TRIM(red_flag) <> '' GROUP BY candidate_id
),

delivered AS (
    SELECT
        c.request_id,
        COUNT(*) AS delivered,
        COUNT(c.match_score) AS with_score,
        AVG(c.match_score) AS score_average,
        MAX(c.match_score) AS score_best,
        COUNT(CASE WHEN c.match_score >= 80 THEN 1 END) AS strong,
        COUNT(ce.candidate_id) AS with_email,
        COUNT(pe.profile_id) AS email_known,
        SUM(COALESCE(f.flags, 0)) AS red_flags,
        COUNT(
            CASE
                WHEN e.at_unknown_times > 0 THEN 1
                WHEN e.profile_id IS NULL THEN NULL
                WHEN COALESCE(c.run_completed_at, r.completed_at, r.created_at) IS NULL THEN 1
                WHEN e.last_at >= COALESCE(c.run_completed_at, r.completed_at, r.created_at) THEN 1
            END
        ) AS enriched_later
    FROM candidates AS c
    INNER JOIN sourcing_runs AS r ON c.request_id = r.request_id
    LEFT JOIN candidate_emails AS ce ON c.candidate_id = ce.candidate_id
    LEFT JOIN people_emails AS pe ON c.profile_id = pe.profile_id
    LEFT JOIN flags AS f ON c.candidate_id = f.candidate_id
    LEFT JOIN enriched AS e ON c.profile_id = e.profile_id
    GROUP BY c.request_id
),

-- a quartile lies between two neighbours: each counts by how near it is, all others not at all
places AS (
    SELECT
        request_id,
        match_score,
        ROW_NUMBER() OVER (PARTITION BY request_id ORDER BY match_score) - 1 AS place,
        COUNT(*) OVER (PARTITION BY request_id) - 1 AS last_place
    FROM candidates
    WHERE match_score IS NOT NULL
),

distances AS (
    SELECT
        request_id,
        match_score,
        ABS(place - 0.25 * last_place) AS from_q1,
        ABS(place - 0.50 * last_place) AS from_median,
        ABS(place - 0.75 * last_place) AS from_q3
    FROM places
),

quartiles AS (
    SELECT
        request_id,
        SUM(CASE WHEN from_q1 < 1 THEN match_score * (1 - from_q1) END) AS score_q1,
        SUM(CASE WHEN from_median < 1 THEN match_score * (1 - from_median) END) AS score_median,
        SUM(CASE WHEN from_q3 < 1 THEN match_score * (1 - from_q3) END) AS score_q3
    FROM distances
    GROUP BY request_id
)

SELECT
    r.request_id,
    r.company_id,
    r.status,
    r.created_at,
    r.completed_at,
    CAST(COALESCE(r.completed_at, r.created_at) AT TIME ZONE 'UTC' AS DATE) AS day,
    r.found_count AS found,
    r.scored_count AS scored,
    COALESCE(d.delivered, 0) AS delivered,
    COALESCE(r.candidate_count, 0) AS delivered_last_pass,
    COALESCE(d.with_score, 0) AS with_score,
    d.score_average,
    q.score_q1,
    q.score_median,
    q.score_q3,
    d.score_best,
    COALESCE(d.strong, 0) AS strong,
    CAST(d.strong AS DOUBLE) / NULLIF(d.with_score, 0) AS share_strong,
    COALESCE(d.with_email, 0) AS with_email,
    CAST(d.with_email AS DOUBLE) / NULLIF(d.delivered, 0) AS share_with_email,
    COALESCE(d.email_known, 0) AS email_known,
    CAST(COALESCE(d.red_flags, 0) AS BIGINT) AS red_flags,
    CAST(d.red_flags AS DOUBLE) / NULLIF(d.delivered, 0) AS red_flags_per_candidate,
    COALESCE(d.enriched_later, 0) AS enriched_later,
    CAST(d.enriched_later AS DOUBLE) / NULLIF(d.delivered, 0) AS share_enriched_later
FROM sourcing_runs AS r
LEFT JOIN delivered AS d ON r.request_id = d.request_id
LEFT JOIN quartiles AS q ON r.request_id = q.request_id
