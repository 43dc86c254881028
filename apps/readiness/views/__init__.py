"""Pages of the inventory, of logs and of assessments."""
