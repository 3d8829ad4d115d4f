-- One row a day and company: what became of the requests that were made on that day, however late they were loaded.
--
-- question: Do requests come through, and how long do they take?
-- key: day, company_id
--
-- day: The day, in UTC, on which the runs were asked for; where no result tells, on which a load first wrote the
--   requests down.
-- company_id: The company they were read for, where one was given.
-- requests: Requests of that day.
-- completed: Of these the ones that completed.
-- failed: Of these the ones whose run failed.
-- not_found: Of these the ones the API did not know.
-- error: Of these the ones that could not be read.
-- processing: Of these the ones not finished yet.
-- share_completed: completed as a share of the finished ones, which are all but processing; null without any.
-- with_time: Of the completed ones those that tell when they were asked for and when they ended. Runs known to have
--   been re-run are left out: what lies between is no waiting. Known is it of runs that have candidates of an earlier
--   pass; the others count to the end of their last pass.
-- seconds_to_complete_average: Mean time from asking for a run to its completion, in seconds, over with_time; null
--   without any, like the three that follow.
-- seconds_to_complete_median: Median of the same, interpolated between neighbours.
-- seconds_to_complete_p95: The time within which 95 of 100 completed, interpolated between neighbours.
-- seconds_to_complete_longest: The longest of these times.
-- polls: Calls made for all of them together.
-- polls_per_request: polls divided by requests.
-- oldest_unfinished_at: When the oldest of those still processing was first written down; null without any.
-- oldest_unfinished_request_id: Which one that is.

WITH earliest AS (
    SELECT request_id, MIN(run_completed_at) AS pass_at FROM candidates GROUP BY request_id
),

runs AS (
    SELECT
        r.request_id,
        r.created_at,
        CASE WHEN e.pass_at < r.completed_at THEN NULL ELSE r.completed_at END AS completed_at
    FROM sourcing_runs AS r
    LEFT JOIN earliest AS e ON r.request_id = e.request_id
    UNION ALL
    SELECT request_id, created_at, completed_at FROM enrichment_runs
    UNION ALL
    SELECT request_id, created_at, completed_at FROM preview_runs
),

given AS (
    SELECT
        CAST(COALESCE(r.created_at, q.first_seen_at) AT TIME ZONE 'UTC' AS DATE) AS day,
        q.company_id,
        q.request_id,
        q.state,
        q.first_seen_at,
        q.polls,
        CASE
            WHEN q.state = 'completed'
                THEN CAST(DATE_DIFF('microsecond', r.created_at, r.completed_at) AS DOUBLE) / 1000000
        END AS seconds
    FROM requests AS q
    LEFT JOIN runs AS r ON q.request_id = r.request_id
),

unfinished AS (
    SELECT
        day,
        company_id,
        request_id,
        first_seen_at,
        ROW_NUMBER() OVER (PARTITION BY day, company_id ORDER BY first_seen_at, request_id) AS place
    FROM given
    WHERE state = 'processing'
),

-- a quantile lies between two neighbours: each counts by how near it is, all others not at all
places AS (
    SELECT
        day,
        company_id,
        seconds,
        ROW_NUMBER() OVER (PARTITION BY day, company_id ORDER BY seconds) - 1 AS place,
        COUNT(*) OVER (PARTITION BY day, company_id) - 1 AS last_place
    FROM given
    WHERE seconds IS NOT NULL
),

entries AS (
    SELECT
        day,
        company_id,
        state,
        polls,
        seconds,
        CAST(NULL AS DOUBLE) AS median_part,
        CAST(NULL AS DOUBLE) AS p95_part,
        CAST(NULL AS TIMESTAMPTZ) AS oldest_at,
        CAST(NULL AS TEXT) AS oldest_id
    FROM given
    UNION ALL
    SELECT
        day,
        company_id,
        CAST(NULL AS TEXT) AS state,
        NULL AS polls,
        NULL AS seconds,
        CASE WHEN ABS(place - 0.50 * last_place) < 1 THEN seconds * (1 - ABS(place - 0.50 * last_place)) END,
        CASE WHEN ABS(place - 0.95 * last_place) < 1 THEN seconds * (1 - ABS(place - 0.95 * last_place)) END,
        NULL AS oldest_at,
        NULL AS oldest_id
    FROM places
    UNION ALL
    SELECT
        day,
        company_id,
        CAST(NULL AS TEXT) AS state,
        NULL AS polls,
        NULL AS seconds,
        NULL AS median_part,
        NULL AS p95_part,
        first_seen_at AS oldest_at,
        request_id AS oldest_id
    FROM unfinished
    WHERE place = 1
)

SELECT
    day,
    company_id,
    COUNT(state) AS requests,
    COUNT(CASE WHEN state = 'completed' THEN 1 END) AS completed,
    COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed,
    COUNT(CASE WHEN state = 'not_found' THEN 1 END) AS not_found,
    COUNT(CASE WHEN state = 'error' THEN 1 END) AS error,
    COUNT(CASE WHEN state = 'processing' THEN 1 END) AS processing,
    CAST(COUNT(CASE WHEN state = 'completed' THEN 1 END) AS DOUBLE)
    / NULLIF(COUNT(CASE WHEN state <> 'processing' THEN 1 END), 0) AS share_completed,
    COUNT(seconds) AS with_time,
    AVG(seconds) AS seconds_to_complete_average,
    SUM(median_part) AS seconds_to_complete_median,
    SUM(p95_part) AS seconds_to_complete_p95,
    MAX(seconds) AS seconds_to_complete_longest,
    CAST(COALESCE(SUM(polls), 0) AS BIGINT) AS polls,
    CAST(COALESCE(SUM(polls), 0) AS DOUBLE) / NULLIF(COUNT(state), 0) AS polls_per_request,
    MAX(oldest_at) AS oldest_unfinished_at,
    MAX(oldest_id) AS oldest_unfinished_request_id
FROM entries
GROUP BY day, company_id
