"""How dates and numbers are written where a language has ways of its own."""
