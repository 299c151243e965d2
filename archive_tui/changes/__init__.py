"""Everything that changes Redis: plans, verified batches, and what became of each task."""
