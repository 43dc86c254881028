"""Judgement of the audit pages: pure, no database, no clock."""
