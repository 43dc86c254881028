"""Who: people, departments, roles, and the role × permission matrix.

Never judges what an agent may do; that is the policies' matter.
"""
