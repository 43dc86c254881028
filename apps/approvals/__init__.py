"""Ask: queues, checkpoints, requests and votes. A request is decided by people or runs out; a
clock never approves. Knows an action by its id alone, for the gate stands above.
"""
