"""Benchmarks of Muster: what a run, a step and a question cost, beside a floor and peers measured in the same run.

``make bench`` measures and writes ``benchmarks/results/*.json`` and the tables of ``benchmarks/README.md``.

Belongs here: workloads, peers, how time and memory are taken, the comparison of answers. Does not: anything that the
pipeline itself needs; nothing in ``pipelines/`` knows of this package.
"""
