"""What Holdout costs, measured: `./run bench NAME` runs `benchmarks/NAME.py`."""
