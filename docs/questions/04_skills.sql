-- Which skills go with a good fit?
-- Only skills that at least 50 candidates have.
SELECT
    skill,
    candidates,
    ROUND(100 * share_of_candidates, 1) AS percent_of_candidates,
    ROUND(average_score, 1) AS average_score,
    strong
FROM instaview.skill_demand
WHERE with_score >= 50
ORDER BY average_score DESC, skill
LIMIT 8;
