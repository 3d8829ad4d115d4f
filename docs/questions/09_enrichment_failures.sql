-- What does enrichment fail on?
-- A profile that fails costs nothing. `run failed` means that a whole run ended before any profile was read.
SELECT
    outcome,
    error_code,
    SUM(runs) AS runs,
    SUM(asked) AS profiles,
    ROUND(100.0 * SUM(asked) / NULLIF(SUM(SUM(asked)) OVER (), 0), 1) AS percent,
    SUM(credits) AS credits
FROM instaview.enrichment_outcomes
GROUP BY 1, 2
ORDER BY profiles DESC, outcome;
