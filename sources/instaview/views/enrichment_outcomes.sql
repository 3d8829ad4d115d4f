-- One row a day, company, outcome and error of enrichment: how many profiles were asked for, and what became of them.
--
-- question: What came of enrichment, what failed and why, and what did it cost?
-- key: day, company_id, outcome, error_code
--
-- day: The day, in UTC, on which the enrichment run ended; on which it was asked for where that is missing.
-- company_id: The company it was read for, where one was given.
-- outcome: succeeded, profile failed (that profile alone, not billed), or run failed (before any profile was read).
-- error_code: Why it failed, UNKNOWN where the API gave no code, or counts a failure that it does not list; null for
--   succeeded.
-- runs: Enrichment runs with this outcome; one with several outcomes counts for each.
-- asked: Profiles asked for, listed or only counted by the API; 0 for run failed, where it does not say how many.
-- succeeded: Of these the ones enriched.
-- failed: Of these the ones that could not be enriched.
-- credits: Credits consumed, as the API reports them; one a profile enriched where it does not.
-- computed_credits: Of these the ones computed, for runs without a report.

WITH profiles AS (
    SELECT
        request_id,
        CASE WHEN success THEN 'succeeded' ELSE 'profile failed' END AS outcome,
        CASE WHEN success THEN NULL ELSE COALESCE(error_code, 'UNKNOWN') END AS error_code,
        COUNT(*) AS asked
    FROM enrichment_profiles
    GROUP BY 1, 2, 3
),

listed AS (
    SELECT
        request_id,
        SUM(CASE WHEN outcome = 'succeeded' THEN asked ELSE 0 END) AS succeeded,
        SUM(CASE WHEN outcome = 'succeeded' THEN 0 ELSE asked END) AS failed
    FROM profiles
    GROUP BY request_id
),

-- an answer can count more profiles than it lists, or list some without an id
counted AS (
    SELECT
        r.request_id,
        r.credits_consumed,
        CASE
            WHEN r.enriched_count > COALESCE(l.succeeded, 0) THEN r.enriched_count
            ELSE COALESCE(l.succeeded, 0)
        END AS succeeded,
        CASE
            WHEN r.failure_count > COALESCE(l.failed, 0) THEN r.failure_count - COALESCE(l.failed, 0)
            ELSE 0
        END AS failed_unlisted
    FROM enrichment_runs AS r
    LEFT JOIN listed AS l ON r.request_id = l.request_id
),

failures AS (
    SELECT request_id, error_code, asked FROM profiles WHERE outcome = 'profile failed'
    UNION ALL
    SELECT request_id, 'UNKNOWN' AS error_code, failed_unlisted AS asked FROM counted WHERE failed_unlisted > 0
),

outcomes AS (
    SELECT
        request_id,
        'succeeded' AS outcome,
        CAST(NULL AS TEXT) AS error_code,
        succeeded AS asked,
        CAST(COALESCE(credits_consumed, succeeded) AS DOUBLE) AS credits,
        CAST(CASE WHEN credits_consumed IS NULL THEN succeeded ELSE 0 END AS DOUBLE) AS computed_credits
    FROM counted
    WHERE succeeded > 0 OR credits_consumed <> 0
    UNION ALL
    SELECT
        request_id,
        'profile failed' AS outcome,
        error_code,
        SUM(asked) AS asked,
        CAST(0 AS DOUBLE) AS credits,
        CAST(0 AS DOUBLE) AS computed_credits
    FROM failures
    GROUP BY request_id, error_code
    UNION ALL
    SELECT
        request_id,
        'run failed' AS outcome,
        COALESCE(error_code, 'UNKNOWN') AS error_code,
        0 AS asked,
        CAST(0 AS DOUBLE) AS credits,
        CAST(0 AS DOUBLE) AS computed_credits
    FROM enrichment_runs
    WHERE status = 'failed'
),

dated AS (
    SELECT
        CAST(COALESCE(r.completed_at, r.created_at) AT TIME ZONE 'UTC' AS DATE) AS day,
        r.company_id,
        o.outcome,
        o.error_code,
        o.asked,
        o.credits,
        o.computed_credits
    FROM outcomes AS o
    INNER JOIN enrichment_runs AS r ON o.request_id = r.request_id
)

SELECT
    day,
    company_id,
    outcome,
    error_code,
    COUNT(*) AS runs,
    CAST(SUM(asked) AS BIGINT) AS asked,
    CAST(SUM(CASE WHEN outcome = 'succeeded' THEN asked ELSE 0 END) AS BIGINT) AS succeeded,
    CAST(SUM(CASE WHEN outcome = 'profile failed' THEN asked ELSE 0 END) AS BIGINT) AS failed,
    SUM(credits) AS credits,
    SUM(computed_credits) AS computed_credits
FROM dated
GROUP BY day, company_id, outcome, error_code
