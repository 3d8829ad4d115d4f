-- What DuckDB needs by itself: the same bodies into the same tables, with no merging, no keys and no care.
-- Small objects make small buffers, so that all cores read.
CREATE SCHEMA results;
CREATE TEMP TABLE bodies AS SELECT * FROM read_json($path, format = 'newline_delimited', maximum_object_size = 2000000);

CREATE TABLE results.requests AS
SELECT "requestId" AS request_id, 'sourcing' AS kind, status AS state, now() AS first_seen_at, 1 AS polls FROM bodies;

CREATE TABLE results.sourcing_runs AS
SELECT "requestId" AS request_id, status, "createdAt"::TIMESTAMPTZ AS created_at,
       "completedAt"::TIMESTAMPTZ AS completed_at, "foundCount" AS found_count, "scoredCount" AS scored_count,
       len(candidates) AS candidate_count
FROM bodies;

CREATE TEMP TABLE profiles AS
SELECT "requestId" || '/' || c."profileId" AS candidate_id, "requestId" AS request_id, c."profileId" AS profile_id,
       position, "completedAt"::TIMESTAMPTZ AS run_completed_at, c
FROM (SELECT "requestId", "completedAt", unnest(candidates) AS c, generate_subscripts(candidates, 1) AS position
      FROM bodies);
DROP TABLE bodies;

CREATE TABLE results.candidates AS
SELECT candidate_id, request_id, profile_id, position, c.name, c."linkedinUrl" AS linkedin_url,
       c."matchScore"::DOUBLE AS match_score, c.rationale, c.headline, c.location,
       c."currentCompany" AS current_company, c."currentRole" AS current_role, run_completed_at
FROM profiles;

CREATE TABLE results.profile_skills AS
SELECT candidate_id, generate_subscripts(c.skills, 1) AS position, request_id, profile_id, unnest(c.skills) AS skill
FROM profiles;

CREATE TABLE results.profile_fit_points AS
SELECT candidate_id, generate_subscripts(c."aiFitPoints", 1) AS position, request_id, profile_id,
       unnest(c."aiFitPoints") AS fit_point
FROM profiles;

CREATE TABLE results.profile_red_flags AS
SELECT candidate_id, generate_subscripts(c."aiRedFlags", 1) AS position, request_id, profile_id,
       unnest(c."aiRedFlags") AS red_flag
FROM profiles;

CREATE TABLE results.profile_rationales AS
SELECT candidate_id, position, request_id, profile_id, r.title, r.company, r.duration,
       r."relevanceExplanation" AS relevance_explanation
FROM (SELECT *, unnest(c."aiDetailedRationale") AS r, generate_subscripts(c."aiDetailedRationale", 1) AS position
      FROM (SELECT candidate_id, request_id, profile_id, c FROM profiles));

CREATE TABLE results.profile_experiences AS
SELECT candidate_id, position, request_id, profile_id, e.role, e.company, e.duration
FROM (SELECT candidate_id, request_id, profile_id, unnest(c."detailedExperience") AS e,
             generate_subscripts(c."detailedExperience", 1) AS position
      FROM profiles);

CREATE TABLE results.profile_experience_highlights AS
SELECT candidate_id, experience_position, generate_subscripts(e.highlights, 1) AS position, request_id, profile_id,
       unnest(e.highlights) AS highlight
FROM (SELECT candidate_id, request_id, profile_id, unnest(c."detailedExperience") AS e,
             generate_subscripts(c."detailedExperience", 1) AS experience_position
      FROM profiles);

CREATE TABLE results.profile_emails AS
SELECT candidate_id, generate_subscripts(c.emails, 1) AS position, request_id, profile_id, unnest(c.emails) AS email
FROM profiles;
