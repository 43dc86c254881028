"""The applications of Agent Council, one package per layer (docs/architecture.md)."""
