-- Where do candidates get lost between being found and having an address?
-- All sourcing runs together. `found`, `scored` and `delivered_last_pass` are those of the last pass of each run, none
-- where it did not tell; the others are over all passes.
SELECT
    SUM(found) AS found,
    SUM(scored) AS scored,
    SUM(delivered_last_pass) AS delivered_last_pass,
    SUM(delivered) AS delivered,
    SUM(strong) AS strong,
    SUM(with_email) AS came_with_email,
    SUM(enriched_later) AS enriched_later,
    SUM(email_known) AS email_known
FROM instaview.candidate_quality;
