"""Forms written in NumPy: to read, and to run with every large result in memory that is kept."""
