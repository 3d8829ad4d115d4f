-- One row a day, company and kind of request: the credits that the loaded results stand for, and beside them what was
-- billed. Credits of sourcing and preview are computed by the documented price: 1 a candidate, 1 a preview page of 20.
--
-- question: How many credits were spent on what, and is it what was billed?
-- key: day, company_id, kind
--
-- day: The day, in UTC, on which the run ended, or for which it was billed. Credits of a run that was re-run are those
--   of the day of its last pass; of a candidate, of the last pass that delivered them.
-- company_id: The company. Where billing knows only one, runs that name none are taken for its own.
-- kind: sourcing, preview, enrichment, or other: billed under a cost key that names none of these, e.g. interviews.
-- credits: reported_credits and computed_credits together.
-- reported_credits: Credits that the API reported as consumed, by enrichment runs.
-- computed_credits: Credits computed by the documented price: sourcing, preview, and enrichment runs without a report.
-- basis: How credits came about: reported, computed, partly computed, or billed only.
-- billed_credits: Credits billed for the day; null where no billing in credits is loaded for it. Nothing billed between
--   the first and the last day with bookings of the company is 0.
-- billed_minutes: The same in minutes, where that is what the company is billed in.
-- difference: billed_credits less credits; null where there is nothing to compare.
-- explanation: What the difference may come from. Minutes are compared for previews, whose price is 0.4 a page.

WITH only_company AS (
    SELECT CASE WHEN COUNT(DISTINCT company_id) = 1 THEN MIN(company_id) END AS company_id
    FROM billing_usage
),

enriched AS (
    SELECT request_id, COUNT(*) AS profiles FROM enrichment_profiles WHERE success GROUP BY request_id
),

spent AS (
    SELECT
        'sourcing' AS kind,
        r.company_id,
        COALESCE(c.run_completed_at, r.completed_at, r.created_at) AS spent_at,
        CAST(NULL AS DOUBLE) AS reported,
        CAST(1 AS DOUBLE) AS computed
    FROM candidates AS c
    LEFT JOIN sourcing_runs AS r ON c.request_id = r.request_id
    UNION ALL
    SELECT
        'preview' AS kind,
        company_id,
        COALESCE(completed_at, created_at) AS spent_at,
        CAST(NULL AS DOUBLE) AS reported,
        CAST(CEIL(CAST(candidate_count AS DOUBLE) / 20) AS DOUBLE) AS computed
    FROM preview_runs
    UNION ALL
    SELECT
        'enrichment' AS kind,
        r.company_id,
        COALESCE(r.completed_at, r.created_at) AS spent_at,
        CAST(r.credits_consumed AS DOUBLE) AS reported,
        CASE
            WHEN r.credits_consumed IS NOT NULL THEN NULL
            WHEN r.enriched_count > COALESCE(e.profiles, 0) THEN CAST(r.enriched_count AS DOUBLE)
            ELSE CAST(e.profiles AS DOUBLE)
        END AS computed
    FROM enrichment_runs AS r
    LEFT JOIN enriched AS e ON r.request_id = e.request_id
),

-- a cost key as words: what it names counts at the start of one, so that a resource is no sourcing
billed AS (
    SELECT
        day,
        company_id,
        cost_key,
        credits_used,
        minutes_used,
        ' ' || REPLACE(REPLACE(REPLACE(REPLACE(LOWER(cost_key), '_', ' '), '-', ' '), '.', ' '), ':', ' ') AS words
    FROM billing_usage
    WHERE credits_used IS NOT NULL OR minutes_used IS NOT NULL
),

entries AS (
    SELECT
        CAST(s.spent_at AT TIME ZONE 'UTC' AS DATE) AS day,
        COALESCE(s.company_id, o.company_id) AS company_id,
        s.kind,
        s.reported,
        s.computed,
        CAST(NULL AS DOUBLE) AS billed_credits,
        CAST(NULL AS DOUBLE) AS billed_minutes
    FROM spent AS s
    CROSS JOIN only_company AS o
    WHERE s.reported <> 0 OR s.computed <> 0
    UNION ALL
    SELECT
        day,
        company_id,
        CASE
            WHEN STRPOS(words, ' preview') > 0 OR STRPOS(cost_key, 'Preview') > 0 THEN 'preview'
            WHEN STRPOS(words, ' enrich') > 0 OR STRPOS(cost_key, 'Enrich') > 0 THEN 'enrichment'
            WHEN STRPOS(words, ' sourc') > 0 OR STRPOS(cost_key, 'Sourc') > 0 THEN 'sourcing'
            ELSE 'other'
        END AS kind,
        CAST(NULL AS DOUBLE) AS reported,
        CAST(NULL AS DOUBLE) AS computed,
        credits_used AS billed_credits,
        minutes_used AS billed_minutes
    FROM billed
),

sums AS (
    SELECT
        day,
        company_id,
        kind,
        SUM(reported) AS reported,
        SUM(computed) AS computed,
        SUM(billed_credits) AS billed_credits,
        SUM(billed_minutes) AS billed_minutes
    FROM entries
    GROUP BY day, company_id, kind
),

-- days between the first and the last one billed in a unit were asked for; nothing billed on one means nothing used
asked AS (
    SELECT
        company_id,
        MIN(CASE WHEN credits_used IS NOT NULL THEN day END) AS first_in_credits,
        MAX(CASE WHEN credits_used IS NOT NULL THEN day END) AS last_in_credits,
        MIN(CASE WHEN minutes_used IS NOT NULL THEN day END) AS first_in_minutes,
        MAX(CASE WHEN minutes_used IS NOT NULL THEN day END) AS last_in_minutes
    FROM billing_usage
    GROUP BY company_id
),

compared AS (
    SELECT
        s.day,
        s.company_id,
        s.kind,
        COALESCE(s.reported, 0) AS reported,
        COALESCE(s.computed, 0) AS computed,
        CASE
            WHEN s.reported IS NOT NULL AND s.computed IS NOT NULL THEN 'partly computed'
            WHEN s.computed IS NOT NULL THEN 'computed'
            WHEN s.reported IS NOT NULL THEN 'reported'
            ELSE 'billed only'
        END AS basis,
        CASE
            WHEN s.billed_credits IS NOT NULL THEN s.billed_credits
            WHEN s.billed_minutes IS NULL AND s.day BETWEEN a.first_in_credits AND a.last_in_credits THEN 0
        END AS billed_credits,
        CASE
            WHEN s.billed_minutes IS NOT NULL THEN s.billed_minutes
            WHEN s.billed_credits IS NOT NULL OR s.day BETWEEN a.first_in_credits AND a.last_in_credits THEN NULL
            WHEN s.day BETWEEN a.first_in_minutes AND a.last_in_minutes THEN 0
        END AS billed_minutes
    FROM sums AS s
    LEFT JOIN asked AS a ON s.company_id = a.company_id
)

SELECT
    day,
    company_id,
    kind,
    reported + computed AS credits,
    reported AS reported_credits,
    computed AS computed_credits,
    basis,
    CAST(billed_credits AS DOUBLE) AS billed_credits,
    CAST(billed_minutes AS DOUBLE) AS billed_minutes,
    CAST(billed_credits - reported - computed AS DOUBLE) AS difference,
    CASE
        WHEN billed_credits IS NULL AND billed_minutes IS NULL
            THEN 'nothing billed for this day yet, or no billing loaded for it'
        WHEN billed_credits IS NULL AND kind <> 'preview'
            THEN 'billed in minutes, in which only previews have a documented price'
        WHEN billed_credits IS NULL AND ABS(billed_minutes - 0.4 * (reported + computed)) < 0.005
            THEN 'billed in minutes as expected'
        WHEN billed_credits IS NULL
            THEN 'billed in minutes, but not 0.4 a preview page: for requests not loaded here, or on another day'
        WHEN ABS(billed_credits - reported - computed) < 0.005
            THEN 'billed as expected'
        WHEN kind = 'other'
            THEN 'billed under a cost key of something else than the results loaded here, such as interviews'
        WHEN billed_credits > reported + computed
            THEN 'more billed: requests not loaded here, candidates that a re-run delivered again, or another day'
        ELSE 'less billed: booked late (asked again for three days), on another day, or below the documented price'
    END AS explanation
FROM compared
