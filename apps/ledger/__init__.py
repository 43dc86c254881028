"""Record: one append-only event per act. Holds no foreign key to anything, and never reads an app.

Sealing, verification and export arrive with the audit issue; the digest that they need is already
computed by every writer.
"""
