"""Programs outside of ours: the operator's pager and editor, and the private file that they are given."""
