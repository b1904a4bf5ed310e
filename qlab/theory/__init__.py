"""Closed forms and exact laws: what the documents prove, to be compared with what is simulated."""
