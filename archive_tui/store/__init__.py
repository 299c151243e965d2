"""The data that Asynq has. Redis and nothing but Redis: reading in small steps, and the few commands that write."""
