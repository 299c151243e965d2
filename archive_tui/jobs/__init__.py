"""Long work: one thread each, with progress, pause, stop and a report. Glues store and catalog together."""
