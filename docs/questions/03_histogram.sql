-- How are the match scores spread?
-- Add `WHERE request_id = '…'` for one run, or a condition on `day` for a period.
SELECT
    band,
    SUM(candidates) AS candidates,
    ROUND(100.0 * SUM(candidates) / SUM(SUM(candidates)) OVER (), 1) AS percent
FROM instaview.score_distribution
GROUP BY band, band_from
ORDER BY band_from NULLS LAST;
