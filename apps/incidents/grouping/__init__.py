"""Which failures are the same failure (monitoring.md section 4). Pure: no Django, no clock."""
