"""Muster: who is where, at what risk, and do we know about it?"""

__version__ = "0.1.0"
