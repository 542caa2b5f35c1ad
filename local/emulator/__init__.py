"""ministack 1.5.33 with its gaps closed: each module says which, and upstream's state of it.

The gaps are closed by replacing functions of its modules before it serves its first request, here
and nowhere else. A test per gap fails once upstream closes it, so that the replacement can go.
"""
