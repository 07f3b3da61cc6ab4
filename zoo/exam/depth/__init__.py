"""The exam of depth: samples, sparse measurements, baselines, cost, and the report."""
