"""The meaning of what Asynq stores: keys, states, messages, and the rules that judge them.

Pure: no I/O, no clock, no screen.
"""
