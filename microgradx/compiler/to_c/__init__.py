"""Forms written in C: to read as one file, and to run as a function built by the system's compiler."""
