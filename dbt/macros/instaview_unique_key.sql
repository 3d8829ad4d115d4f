{# The columns together never repeat; nulls count as equal. #}
{% test instaview_unique_key(model, columns) %}
SELECT {{ columns | join(', ') }}, COUNT(*) AS n_rows
FROM {{ model }}
GROUP BY {{ columns | join(', ') }}
HAVING COUNT(*) > 1
{% endtest %}
