"""The invoice pilot: reads UBL invoices, matches them with orders and receipts, posts and schedules
payment, and changes vendor data, all through tools at the gate. Owns the demo's back office.
"""
