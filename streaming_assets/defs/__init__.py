"""The sources as Dagster definitions. Only this folder and `definitions.py` know Dagster."""
