"""Where agents can work, measured from how work really happens (docs/readiness.md)."""
