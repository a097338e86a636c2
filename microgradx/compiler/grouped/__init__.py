"""Graphs of single numbers, compiled group by group into vector operations."""
