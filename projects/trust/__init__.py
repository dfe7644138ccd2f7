"""Whether labels can be trusted: estimates, known items, people's records, triggers, notices."""
