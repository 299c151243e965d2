"""The commands without screens: a second, thin front on the jobs. Results to stdout, everything else to stderr."""
