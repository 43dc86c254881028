"""Drive: workflows, runs and steps on Celery. The rows are the truth; a message is a hint that
carries an id. Judges nothing: every step's action goes through the gate.
"""
