"""The dashboard and the report: the same figures, charts and page, once to click on and once to send.

`warehouse` reads what they need, `figures` computes, `charts` draws, `page` puts it together; `report` makes one file
of it, `app` is the marimo app around it, and `serve` starts that. Charts need the extra `dashboard`.
"""
