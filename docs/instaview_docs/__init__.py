"""Writes the documentation that follows from the model: the data dictionary, the questions, the sources of dbt."""
