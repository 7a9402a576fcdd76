"""The synthetic office: invented people, trips, ratings and faults, with a truth beside the feeds."""

from pipelines.generate.demo import make_demo
from pipelines.generate.office import DEFAULT_AS_OF, generate

__all__ = ["DEFAULT_AS_OF", "generate", "make_demo"]
