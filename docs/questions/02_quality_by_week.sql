-- Is the quality of candidates going up or down?
-- Averages over all candidates of a week, not over its runs: a run of two counts for two.
SELECT
    CAST(DATE_TRUNC('week', day) AS DATE) AS week_from,
    COUNT(*) AS runs,
    SUM(delivered) AS candidates,
    ROUND(SUM(score_average * with_score) / NULLIF(SUM(with_score), 0), 1) AS score_average,
    ROUND(100.0 * SUM(strong) / NULLIF(SUM(with_score), 0), 1) AS percent_strong,
    ROUND(100.0 * SUM(with_email) / NULLIF(SUM(delivered), 0), 1) AS percent_with_email
FROM instaview.candidate_quality
GROUP BY 1
ORDER BY 1;
