"""Great Expectations over 2,000,000 customers: bench.py make FILE ROWS, or
bench.py check FILE SUITE. check prints, as JSON, the CPU seconds of reading and
of validating, the greatest memory in KiB, and the counts that it found."""
import json
import resource
import sys


def make(file, rows):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    r = np.random.default_rng(42)
    names = np.array("ava omar ivan liam mia lena zoe sara kofi hugo aiko jon".split())
    writer = None
    for start in range(0, rows, 250_000):
        n = min(250_000, rows - start)
        at = np.arange(start, start + n)
        name = names[r.integers(0, len(names), n)]
        chance = r.random(n)
        email = [None if c < 0.005 else f"{w} at example" if c < 0.01 else f"{w}.{i}@example.com" for w, i, c in zip(name, at, chance)]
        country = np.array(["US", "GB", "DE", "FR", "IN", "BR", "JP", "CA", "AU", "ES"])[r.integers(0, 10, n)]
        table = pa.table({
            "id": [f"c-{i:09d}" for i in at],
            "name": name,
            "email": email,
            "country": country,
            "plan": np.array(["free", "basic", "pro", "enterprise"])[r.integers(0, 4, n)],
            "age": r.integers(18, 90, n),
            "monthly_spend": np.round(r.random(n) * 500, 2),
            "event_time": [f"2026-11-22T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z" for i in at],
        })
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    writer.close()


def check(file, suite_file):
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    import great_expectations as gx
    import pandas as pd
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    def cpu():
        u = resource.getrusage(resource.RUSAGE_SELF)
        return u.ru_utime + u.ru_stime

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = ExpectationSuite(name="customers")
    with open(suite_file) as f:
        for e in json.load(f)["expectations"]:
            suite.add_expectation_configuration(ExpectationConfiguration(type=e["type"], kwargs=e["kwargs"]))
    begin = cpu()
    frame = pd.read_parquet(file)
    read = cpu()
    definition = context.data_sources.add_pandas("p").add_dataframe_asset("customers").add_batch_definition_whole_dataframe("b")
    result = definition.get_batch(batch_parameters={"dataframe": frame}).validate(suite)
    done = cpu()
    print(json.dumps({
        "read_s": read - begin, "validate_s": done - read,
        "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "counts": [r.result.get("unexpected_count") for r in result.results],
    }))


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    check(sys.argv[2], sys.argv[3])
