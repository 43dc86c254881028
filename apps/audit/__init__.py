"""Watch: the trail and its index of words, why an action happened, how things stood at a moment,
reviews of access, frameworks, evidence packs. Reads the ledger and the version tables, and changes
neither; in the ledger it leaves its own acts only.
"""
