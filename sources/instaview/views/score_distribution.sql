-- One row a sourcing run and band of match scores that at least one of its candidates is in. Bands are ten wide; sum
-- candidates over runs for a histogram.
--
-- question: How are match scores spread, over all runs or within one?
-- key: request_id, band
--
-- request_id: The run.
-- company_id: The company it was read for, where one was given.
-- completed_at: When its last pass ended.
-- day: The day, in UTC, of completed_at; of created_at where that is missing.
-- band: The band as text, such as 80-90; 'no score' for candidates without one.
-- band_from: Lowest score of the band, from 0 to 90; null without a score.
-- band_to: Where the next band begins, from 10 to 100; the last band holds 100 too.
-- candidates: Candidates of the run in this band.
-- share: candidates as a share of all that the run delivered, 0 to 1.

WITH bands AS (
    SELECT
        request_id,
        CASE
            WHEN match_score IS NULL THEN NULL
            WHEN match_score >= 90 THEN 90
            WHEN match_score < 10 THEN 0
            ELSE CAST(FLOOR(match_score / 10) AS BIGINT) * 10
        END AS band_from
    FROM candidates
),

counts AS (
    SELECT request_id, band_from, COUNT(*) AS candidates FROM bands GROUP BY request_id, band_from
),

totals AS (
    SELECT request_id, COUNT(*) AS delivered FROM candidates GROUP BY request_id
)

SELECT
    c.request_id,
    r.company_id,
    r.completed_at,
    CAST(COALESCE(r.completed_at, r.created_at) AT TIME ZONE 'UTC' AS DATE) AS day,
    CASE
        WHEN c.band_from IS NULL THEN 'no score'
        ELSE CAST(c.band_from AS TEXT) || '-' || CAST(c.band_from + 10 AS TEXT)
    END AS band,
    CAST(c.band_from AS BIGINT) AS band_from,
    CAST(c.band_from + 10 AS BIGINT) AS band_to,
    c.candidates,
    CAST(c.candidates AS DOUBLE) / t.delivered AS share
FROM counts AS c
INNER JOIN totals AS t ON c.request_id = t.request_id
LEFT JOIN sourcing_runs AS r ON c.request_id = r.request_id
