{# Each row has a row in one of the parents, whose key its columns hold. `parents`: a list of `to` and `key`. #}
{% test instaview_belongs_to(model, columns, parents) %}
SELECT {{ columns | join(', ') }}
FROM {{ model }} AS child
WHERE
    {%- for parent in parents %}
    {%- if not loop.first %} AND{% endif %} NOT EXISTS (
        SELECT 1 FROM {{ parent['to'] }} AS parent
        WHERE
            {%- for column in columns %}
            {%- if not loop.first %} AND{% endif %} parent.{{ parent['key'][loop.index0] }} = child.{{ column }}
            {%- endfor %}
    )
    {%- endfor %}
{% endtest %}
