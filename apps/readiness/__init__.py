"""Readiness: the inventory of processes, the event logs and tables they are measured from, and the
assessments whose level bounds what agents may do in a process. It never enforces anything itself:
approvals and the gate ask `directory`. `mining` and `drawing` are pure."""
