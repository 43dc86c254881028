"""Drive: the door for outside agents, and the read API. Every call ends at the gate."""
