"""Makes edges_*.json with Great Expectations 1.24.1: pip install great-expectations==1.24.1"""
import json

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

ROWS = 60
TEXTS = ["a\n", "a", "b", "ü€x", "", None, "long " * 3]
rows = [
    {
        "i": (n * 7) % 23,
        "d": None if n % 11 == 5 else [0.5, -1.0, 2.5, 1e20, 0.1 * n][n % 5],
        "s": TEXTS[n % len(TEXTS)],
        "f": n % 3 == 0,
        "n": n,
    }
    for n in range(ROWS)
]
frame = pd.DataFrame(
    {
        "i": pd.Series([r["i"] for r in rows], dtype="int64"),
        "d": pd.Series([r["d"] for r in rows], dtype="float64"),
        "s": [r["s"] for r in rows],
        "f": pd.Series([r["f"] for r in rows], dtype="bool"),
        "n": pd.Series([r["n"] for r in rows], dtype="int64"),
    }
)
suite = [
    gxe.ExpectColumnValuesToNotBeNull(column="s"),
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnValuesToBeNull(column="d", severity="warning"),
    gxe.ExpectColumnValuesToBeUnique(column="i"),
    gxe.ExpectColumnValuesToBeBetween(column="gone", min_value=0, max_value=1),
    gxe.ExpectColumnValuesToBeUnique(column="n"),
    gxe.ExpectColumnValuesToMatchRegex(column="s", regex="^a$"),
    gxe.ExpectColumnValuesToMatchRegex(column="s", regex="^(a|b$)", mostly=0.25),
    gxe.ExpectColumnValuesToNotMatchRegex(column="s", regex="[^ -~]"),
    gxe.ExpectColumnValuesToMatchRegex(column="i", regex="^2"),
    gxe.ExpectColumnValuesToMatchRegex(column="f", regex="^T"),
    gxe.ExpectColumnValuesToMatchRegex(column="d", regex=r"\.5$"),
    gxe.ExpectColumnValuesToBeBetween(column="f", min_value=1, max_value=1),
    gxe.ExpectColumnValuesToBeBetween(column="i", min_value=3, max_value=20, strict_max=True),
    gxe.ExpectColumnValuesToBeBetween(column="d", min_value=-1, strict_min=True, max_value=5),
    gxe.ExpectColumnValuesToBeBetween(column="s", min_value=0, strict_min=True),
    gxe.ExpectColumnValuesToBeInSet(column="i", value_set=[1, 2, "3", 4]),
    gxe.ExpectColumnValuesToNotBeInSet(column="d", value_set=[0.5, 1e20]),
    gxe.ExpectColumnValuesToBeInSet(column="f", value_set=[1]),
    gxe.ExpectColumnValuesToBeInSet(column="s", value_set=["a", "b", 5]),
    gxe.ExpectColumnValuesToBeInSet(column="n", value_set=[]),
    gxe.ExpectColumnValueLengthsToBeBetween(column="s", min_value=1, max_value=3),
    gxe.ExpectColumnValueLengthsToBeBetween(column="i", min_value=1, strict_min=True),
    gxe.ExpectColumnValueLengthsToEqual(column="d", value=3),
    gxe.ExpectColumnValuesToBeNull(column="gone"),
    gxe.ExpectColumnValuesToBeUnique(column="gone too"),
    gxe.ExpectTableRowCountToBeBetween(),
    gxe.ExpectTableRowCountToBeBetween(min_value=60, max_value=60, strict_max=True),
    gxe.ExpectTableRowCountToEqual(value=60),
    gxe.ExpectTableColumnCountToBeBetween(min_value=6),
    gxe.ExpectTableColumnCountToEqual(value=5),
    gxe.ExpectTableColumnsToMatchSet(column_set=["f", "n", "i", "d", "s"]),
    gxe.ExpectTableColumnsToMatchSet(column_set=["f", "n", "x"], exact_match=False),
    gxe.ExpectColumnToExist(column="d", column_index=1),
    gxe.ExpectColumnToExist(column="d", column_index=2),
]


def write(name, value):
    with open(name, "w") as f:
        json.dump(value, f, indent=1, ensure_ascii=False)
        f.write("\n")


def without_tracebacks(info):
    for v in info.values():
        if isinstance(v, dict):
            v["exception_traceback"] = None


context = gx.get_context(mode="ephemeral")
asset = context.data_sources.add_pandas("p").add_dataframe_asset("customers")
batch = asset.add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})
stored = context.suites.add(gx.ExpectationSuite(name="edges", expectations=suite))
write("edges_input.json", rows)
write("edges_suite.json", stored.to_json_dict())
for form in ["BASIC", "SUMMARY", "COMPLETE"]:
    document = batch.validate(stored, result_format=form).to_json_dict()
    for result in document["results"]:
        without_tracebacks(result["exception_info"])
    del document["meta"]["batch_markers"]
    write(f"edges_{form}.json", document)
