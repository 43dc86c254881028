"""The analytical core of readiness maps: pure, no Django, no database, no clock.

Import the submodules inside the function that needs them: they bring polars, scikit-learn and
lxml, which no web process may load at start. `results` alone is light and may be imported
anywhere.

    readers.read_log(path, mapping=…, progress=…)   a file of any known kind -> EventLog
    readers.preview(path)                           the columns of a CSV and a suggested mapping
    graph.directly_follows(log)                     -> Graph
    variants.variants(log)                          -> Variants
    rework.loops(log), rework.hand_offs(log)        -> Loops, HandOffs
    systems.system_graph(log, facts)                -> SystemGraph
    documented.from_bpmn(bytes) / from_steps(list)  -> Net
    conformance.conformance(log, net, …)            -> Conformance
    constraints.check(log, rules)                   -> tuple[ConstraintResult, …]
    decisions.mine(log, …), decisions.replay(…)     -> Decisions, Replay
    quality.log_quality(log, …), quality.table_quality(frame, rules) -> Quality
    score.score(dimensions, gates, …)               -> Score
    generate.generate(plan)                         -> an event log with known truth
"""

from __future__ import annotations

import os

# The allocator of polars keeps pages that were given back for ten seconds more, and so nearly
# doubles the peak of a log that is read in batches. It reads this once, when polars is loaded;
# giving pages back at once costs about a quarter of the time (docs/performance.md).
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
