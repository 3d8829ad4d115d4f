-- Whom should we write to first?
-- The best-fitting people of whom an address is known, each once, however many requests delivered them.
SELECT
    name,
    headline,
    best_score,
    email,
    runs
FROM instaview.people
WHERE emails > 0 AND name IS NOT NULL
ORDER BY best_score DESC NULLS LAST, runs DESC, profile_id
LIMIT 5;
