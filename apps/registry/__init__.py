"""Know: agents, their credentials, the tools there are, and who may use which.

Never judges an action: it says who stands, what was granted and until when.
"""
