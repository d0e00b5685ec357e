"""What training promises, checked at full length: `python -m benchmarks.training`; see benchmarks/README.md."""
