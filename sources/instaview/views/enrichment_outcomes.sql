-- One row a day, company, outcome and error of enrichment: how many profiles were asked for, and what became of them.
--
-- question: What came of enrichment, what failed and why, and what did it cost?
-- key: day, company_id, outcome, error_code
--
-- day: The day, in UTC, on which the enrichment run ended; on which it was asked for where that is missing.
-- company_id: The company it was read for, where one was given.
-- outcome: succeeded, profile failed (that profile alone, not billed), or run failed (before any profile was read).
-- error_code: Why it failed, UNKNOWN where the API gave no code; null for succeeded.
-- runs: Enrichment runs with this outcome; one with several outcomes counts for each.
-- asked: Profiles asked for; 0 for run failed, where the API does not say how many there were.
-- succeeded: Of these the ones enriched.
-- failed: Of these the ones that could not be enriched.
-- credits: Credits consumed, as the API reports them; one a profile enriched where it does not.

WITH profiles AS (
    SELECT
        request_id,
        CASE WHEN success THEN 'succeeded' ELSE 'profile failed' END AS outcome,
        CASE WHEN success THEN NULL ELSE COALESCE(error_code, 'UNKNOWN') END AS error_code,
        COUNT(*) AS asked
    FROM enrichment_profiles
    GROUP BY 1, 2, 3
),

enriched AS (
    SELECT request_id, asked FROM profiles WHERE outcome = 'succeeded'
),

outcomes AS (
    SELECT
        r.request_id,
        'succeeded' AS outcome,
        CAST(NULL AS TEXT) AS error_code,
        COALESCE(e.asked, 0) AS asked,
        CAST(COALESCE(r.credits_consumed, e.asked) AS DOUBLE) AS credits
    FROM enrichment_runs AS r
    LEFT JOIN enriched AS e ON r.request_id = e.request_id
    WHERE e.asked > 0 OR r.credits_consumed <> 0
    UNION ALL
    SELECT
        p.request_id,
        p.outcome,
        p.error_code,
        p.asked,
        CAST(0 AS DOUBLE) AS credits
    FROM profiles AS p
    WHERE p.outcome = 'profile failed'
    UNION ALL
    SELECT
        request_id,
        'run failed' AS outcome,
        COALESCE(error_code, 'UNKNOWN') AS error_code,
        0 AS asked,
        CAST(0 AS DOUBLE) AS credits
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
        o.credits
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
    SUM(credits) AS credits
FROM dated
GROUP BY day, company_id, outcome, error_code
