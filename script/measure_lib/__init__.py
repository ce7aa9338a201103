"""Figures that describe the source code: sizes, comments, imports, templates and duplicates."""
