"""The council's verbs, split by noun."""
