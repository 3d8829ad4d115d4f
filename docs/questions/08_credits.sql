-- How many credits did we use, and is that what we were billed?
-- What billing does not cover yet, such as today, is left out; `explanation` in the view tells why for each day.
SELECT
    CAST(DATE_TRUNC('month', day) AS DATE) AS month_from,
    kind,
    SUM(credits) AS credits,
    SUM(computed_credits) AS of_these_computed,
    SUM(billed_credits) AS billed_credits,
    SUM(difference) AS difference
FROM instaview.credit_usage_daily
WHERE billed_credits IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 3 DESC, 2;
