"""The commands without screens, one file each: a thin front on changes and jobs. Results go to stdout, everything else
to stderr.
"""
