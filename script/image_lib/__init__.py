"""Builds the images of deploy/compose.yaml and runs their containers as that file says: script/image."""
