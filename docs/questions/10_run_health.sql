-- Do requests come through, and how long do they take?
-- By the week in which the runs were asked for. Times are from asking for a run to its completion, without runs that
-- are known to have been started again.
SELECT
    CAST(DATE_TRUNC('week', day) AS DATE) AS week_from,
    SUM(requests) AS requests,
    SUM(completed) AS completed,
    SUM(failed) AS failed,
    SUM(not_found) AS not_found,
    SUM(processing) AS still_open,
    ROUND(SUM(seconds_to_complete_average * with_time) / NULLIF(SUM(with_time), 0) / 60, 1) AS minutes_average,
    ROUND(MAX(seconds_to_complete_longest) / 60, 1) AS minutes_longest,
    ROUND(1.0 * SUM(polls) / SUM(requests), 1) AS polls_per_request
FROM instaview.run_health
GROUP BY 1
ORDER BY 1;
