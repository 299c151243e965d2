"""Payloads of many MiB: read piece by piece, so that the first page is there at once and no step keeps others waiting.

What is decoded is what somebody looks at. The rest is only looked over, in the background: where it stands, how many
lines it takes, and whether it is right.
"""
