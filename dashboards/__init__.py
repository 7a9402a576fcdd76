"""The travel office's dashboard: thin pages over the published files."""
