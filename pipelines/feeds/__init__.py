"""Named readers: files that are no table become records of a canonical table, each with the bytes it came from.

A contract with ``format: <name>`` is read by the reader of that name. A reader is a pure function of a file's bytes: it
opens nothing, asks nothing of the network and follows no name that it reads. What makes the file useless as a whole is
raised as :class:`pipelines.landing.text.GateError` (F3); what is wrong with one record is the record's ``reason``.
"""
