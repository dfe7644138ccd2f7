"""Ring the worker when the project below has news."""
