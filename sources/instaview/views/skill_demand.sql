-- One row a skill, as the API writes it: how many of the candidates that sourcing runs delivered have it, and how well
-- they fit. A skill that a candidate lists twice counts once.
--
-- question: Which skills do candidates have, and which of them go with a good fit?
-- key: skill
--
-- skill: The skill; capitals make a difference.
-- candidates: Candidates with it; somebody delivered by several runs counts once for each.
-- share_of_candidates: candidates as a share of all candidates, 0 to 1.
-- people: Different people with it.
-- runs: Sourcing runs that delivered somebody with it.
-- with_score: Of the candidates those that have a score.
-- average_score: Mean match score of these; null without scores.
-- strong: Candidates with it and a match score of 80 or more.

WITH skilled AS (
    SELECT DISTINCT candidate_id, skill FROM profile_skills WHERE TRIM(skill) <> ''
),

total AS (
    SELECT COUNT(*) AS candidates FROM candidates
),

skills AS (
    SELECT
        s.skill,
        COUNT(*) AS candidates,
        COUNT(DISTINCT c.profile_id) AS people,
        COUNT(DISTINCT c.request_id) AS runs,
        COUNT(c.match_score) AS with_score,
        AVG(c.match_score) AS average_score,
        COUNT(CASE WHEN c.match_score >= 80 THEN 1 END) AS strong
    FROM skilled AS s
    INNER JOIN candidates AS c ON s.candidate_id = c.candidate_id
    GROUP BY s.skill
)

SELECT
    s.skill,
    s.candidates,
    CAST(s.candidates AS DOUBLE) / t.candidates AS share_of_candidates,
    s.people,
    s.runs,
    s.with_score,
    s.average_score,
    s.strong
FROM skills AS s
CROSS JOIN total AS t
