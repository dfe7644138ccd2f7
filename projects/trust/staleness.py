"""Settled items whose labels mean something else now: out of training until they are asked again."""
