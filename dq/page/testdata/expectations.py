"""Lists each expectation type of the Great Expectations that is installed, with
its own arguments, and writes it to expectations.txt beside this file."""

import inspect
import pathlib

from great_expectations.expectations import core
from great_expectations.expectations.expectation import BatchExpectation, Expectation

COMMON = set(Expectation.__fields__) | {"batch_id", "library_metadata", "row_condition", "condition_parser"}

lines = []
for name, cls in inspect.getmembers(core, inspect.isclass):
    if issubclass(cls, BatchExpectation) and cls.expectation_type:
        own = [f for f in cls.__fields__ if f not in COMMON]
        lines.append(" ".join([cls.expectation_type, *own]))
lines.sort()
pathlib.Path(__file__).with_name("expectations.txt").write_text("\n".join(lines) + "\n")
