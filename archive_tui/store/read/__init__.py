"""Reading what Asynq has: indexes, task data, queues. Writes nothing."""
