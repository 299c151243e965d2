"""What Asynq means: its keys, states and messages, and the rules that judge them. Pure: no I/O, no clock, no screen."""
