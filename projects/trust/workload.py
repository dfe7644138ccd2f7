"""How much one person is given: limits, pauses, shifts, skills."""
