"""What stands behind `./run`: it makes the environment, starts the engines, starts the product's processes.

It imports the standard library only. `bootstrap` and what it imports even run before anything is installed,
under the host's own Python; the rest runs inside `.venv`. Processes are started, never imported.
"""
