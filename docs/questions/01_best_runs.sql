-- Which sourcing runs brought the best candidates?
-- A strong candidate has a match score of 80 or more. Runs with fewer than ten candidates are left out: in a short list a
-- high share is easily luck.
SELECT
    request_id,
    day,
    found,
    scored,
    delivered,
    strong,
    ROUND(100 * share_strong, 1) AS percent_strong,
    ROUND(score_median, 1) AS score_median
FROM instaview.candidate_quality
WHERE delivered >= 10
ORDER BY share_strong DESC, score_median DESC, request_id
LIMIT 5;
