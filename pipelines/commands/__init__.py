"""What the commands do; :mod:`pipelines.cli` holds their names and options."""
