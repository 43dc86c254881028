"""Ground: the acting context, the Tracked base, errors, canonical JSON, paging, template tags.

Owns no concrete model and no URL, and knows no other app.
"""
