"""The index of the trail: for every event its words and the conditions it meets, as tokens.

SQLite keeps them in FTS5, PostgreSQL in a tsvector under GIN. It is written behind the ledger by
a sweep, never by whoever records an event; what it does not know yet is read from the ledger.
"""
