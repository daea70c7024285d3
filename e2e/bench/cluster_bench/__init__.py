"""Measures `coffer server` and `coffer-sidecar` with a real API server, with the standard library alone.

The modules, from the bottom up:

- `output`: progress, failures, and the table.
- `process`: programs that end with the benchmark, and what they cost.
- `api`, `counts`: talking to the API server, and counting who else does.
- `watch`: sees when keys become ready.
- `rig`, `installation`: a control plane of its own, and Coffer in it.
- `rest`, `keys`, `restart`, `load`, `primitives`, `operations`: the measurements.
- `command_line`: the order of it all.
"""
