"""Makes cases with Great Expectations: generate.py SEED COUNT DIRECTORY EXPECTATIONS.

Each case is a folder with data.parquet, suite.json, columns.json and what Great
Expectations on pandas says in each result format. A seed gives the same tables
and suites each time. What it can't even write down (it fails as a whole) is made
anew from the numbers that follow."""
import json
import logging
import os
import random
import shutil
import sys
import uuid
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import great_expectations as gx  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from great_expectations.core.expectation_suite import ExpectationSuite  # noqa: E402
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration  # noqa: E402

seed, count, out, types_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
R = random.Random(seed)
TYPES = open(types_file).read().split()
NUMERIC = ("int", "holes", "dbl", "mono")
TEXTS = [
    ["US", "GB", "DE"],
    ["a", "bb", "ccc", "", "é€", "x\n", " y", "123", "2024-01-05", "Jan 5 2024 10:20", "not a date"],
    [f"v{i}" for i in range(50)],
    ['{"a":1}', "{bad", "[1,2]", "null", "3", '"x"'],
    ['{"a":1}', '{"a":"x"}', "[1,2]", "3", "true"],
    ["2024-01-05", "2024-02-29", "2023-02-29", "05/01/2024"],
]
KINDS = ["int", "dbl", "str", "bool", "mono", "str", "dbl", "ts", "holes", "date"]
SETS = {
    "int": [0, 1, 2, 3, -1, 7, 10], "holes": [0, 1, 2, 3], "dbl": [0.5, 1.0, 2.5, 3, 7], "mono": [0, 1, 2, 3],
    "str": ["US", "GB", "a", "", "v1", "v2", "é€", "123"], "bool": [True, False], "ts": ["x"], "date": ["x"],
}


def column(kind, rows, nulls):
    def maybe(v):
        return None if R.random() < nulls else v

    if kind == "int":
        high = R.choice([3, 10, 1000, 10**15])
        return pa.array([R.randint(-high, high) for _ in range(rows)], pa.int64())
    if kind == "holes":  # pandas makes floats of it
        return pa.array([maybe(R.randint(0, 9)) for _ in range(rows)], pa.int64())
    if kind == "dbl":
        f = R.choice([
            lambda: R.gauss(0, 1), lambda: float(R.randint(0, 9)), lambda: R.random() * 1e6,
            lambda: R.choice([0.5, 1e300, -1e-300, 2.5, float("inf"), float("nan"), 0.1 + 0.2]),
        ])
        return pa.array([maybe(f()) for _ in range(rows)], pa.float64())
    if kind == "str":
        pool = R.choice(TEXTS)
        return pa.array([maybe(R.choice(pool)) for _ in range(rows)], pa.string())
    if kind == "bool":
        return pa.array([R.random() < 0.6 for _ in range(rows)], pa.bool_())
    if kind == "ts":
        return pa.array([maybe(R.randint(0, 40) * 3_600_000_000 + 1_700_000_000_123_000) for _ in range(rows)], pa.timestamp("us", "UTC"))
    if kind == "date":
        return pa.array([maybe(R.randint(19_000, 19_020)) for _ in range(rows)], pa.int32()).cast(pa.date32())
    x, values = 0, []
    for _ in range(rows):
        x += R.choice([0, 1, 1, 2, -1] if R.random() < 0.1 else [0, 1, 2])
        values.append(maybe(float(x)))
    return pa.array(values, pa.float64())


def members(kind):
    return R.sample(SETS[kind], R.randint(1, len(SETS[kind])))


def bounds(kind):
    if kind == "str":
        low, high = sorted([R.choice(["A", "US", "a", "v1"]), R.choice(["B", "US", "v1", "~"])])
    elif kind == "ts":
        low, high = "2023-11-15T00:00:00+00:00", "2023-11-16T00:00:00+00:00"
    else:
        low, high = sorted([R.choice([-5, 0, 1, 2.5, 0.1]), R.choice([0, 3, 10, 0.5, 1e6])])
    which, kw = R.random(), {}
    if which < 0.75:
        kw["min_value"] = low
    if which > 0.25:
        kw["max_value"] = high
    if R.random() < 0.3:
        kw["strict_min"] = True
    if R.random() < 0.3:
        kw["strict_max"] = True
    return kw


def conditions(kinds):
    all_ = []
    for c, k in kinds.items():
        if k in NUMERIC:
            all_ += [f"{c} > 1", f"{c} <= 2.5", f"{c} == 3", f"{c} != 0", f"not ({c} > 1)", f"0 < {c} <= 5", f"{c}.isnull()", f"{c} in [1,2,3]"]
        if k == "str":
            all_ += [f"{c} == 'US'", f'{c} != "a"', f"{c}.notnull()", f"{c} in ['US','GB','v1']", f"{c} not in ['US']", f"{c} > 'b'"]
        if k == "bool":
            all_ += [f"{c} == True", f"{c} != True"]
    if not all_:
        return None
    a, b = R.choice(all_), R.choice(all_)
    return R.choice(all_ + [f"{a} and {b}", f"({a}) | ({b})", f"({a}) or not ({b})"])


def condition_object(kinds):
    numeric = [c for c, k in kinds.items() if k in NUMERIC]
    if not numeric:
        return None
    c = {"name": R.choice(numeric)}
    parts = [
        {"type": "comparison", "column": c, "operator": R.choice(["==", "!=", "<", "<=", ">", ">="]), "parameter": R.choice([1, 2.5])},
        {"type": "comparison", "column": c, "operator": R.choice(["IN", "NOT_IN"]), "parameter": [1, 2]},
        {"type": "nullity", "column": c, "is_null": R.random() < 0.5},
    ]
    return R.choice(parts + [{"type": R.choice(["and", "or"]), "conditions": parts[:2]}])


def expectation(kinds, rows):
    names, t, kw = list(kinds), R.choice(TYPES), {}
    numeric = [n for n in names if kinds[n] in NUMERIC]
    mostly = {"mostly": R.choice([0.5, 0.9, 0.1, 1.0, 0.75])} if R.random() < 0.5 else {}
    if "_pair_" in t:
        a, b = R.sample(names, 2)
        kw = {"column_A": a, "column_B": b, **mostly}
        if R.random() < 0.6:
            kw["ignore_row_if"] = R.choice(["both_values_are_missing", "either_value_is_missing", "neither"])
        if "greater" in t and R.random() < 0.5:
            kw["or_equal"] = True
        if "in_set" in t:
            kw["value_pairs_set"] = [list(p) for p in zip(members(kinds[a]), members(kinds[b]))]
    elif "multicolumn" in t or "compound" in t or "select_column" in t:
        pool = numeric if "sum_to" in t and len(numeric) > 1 else names
        kw = {"column_list": R.sample(pool, min(len(pool), R.randint(2, 3))), **mostly}
        if R.random() < 0.6:
            kw["ignore_row_if"] = R.choice(["all_values_are_missing", "any_value_is_missing", "never"])
        if "sum_to" in t:
            kw["sum_total"] = R.choice([3, 2.0, 10])
    elif t.startswith("expect_table"):
        if "ordered_list" in t:
            kw = {"column_list": names if R.random() < 0.5 else R.sample(names, len(names))}
        elif "match_set" in t:
            kw = {"column_set": R.sample(names, R.randint(1, len(names))) + (["zz"] if R.random() < 0.3 else [])}
            if R.random() < 0.5:
                kw["exact_match"] = False
        elif t.endswith("equal"):
            kw = {"value": R.choice([len(names), rows, 3])}
        else:
            kw = {"min_value": R.randint(0, 5), "max_value": R.choice([5, 100, 10000])}
    else:
        kw = of_column(t, R.choice(names) if R.random() > 0.03 else "missing", kinds, mostly)
    table = t.startswith("expect_table") and "row_count" not in t
    if not table and t not in ("expect_column_to_exist", "expect_column_type_to_be") and R.random() < 0.25:
        condition = conditions(kinds) if R.random() < 0.7 else condition_object(kinds)
        if condition is not None:
            kw["row_condition"] = condition
            if isinstance(condition, str):
                kw["condition_parser"] = "pandas"
    return ExpectationConfiguration(type=t, kwargs=kw, meta={}, severity=R.choice(["critical", "warning", "info"]))


MAPS = ("expect_column_values_", "expect_column_value_")


def of_column(t, c, kinds, mostly):
    k = kinds.get(c, "int")
    kw = {"column": c}
    if t.startswith(MAPS):
        kw.update(mostly)
    if t == "expect_column_to_exist":
        if R.random() < 0.5:
            kw["column_index"] = R.randint(0, 5)
    elif t == "expect_column_type_to_be" or "of_type" in t:
        kw["type_"] = R.choice(["int64", "float64", "str", "bool", "int", "float"])
    elif "type_list" in t:
        kw["type_list"] = R.sample(["int64", "float64", "str", "bool", "int", "float"], 2)
    elif "quantile" in t:
        q = R.sample([0, 0.1, 0.25, 0.5, 0.77, 0.9, 1], 3)
        kw["quantile_ranges"] = {"quantiles": q, "value_ranges": [[R.choice([None, -10, 0]), R.choice([None, 1, 10, 1000])] for _ in q]}
        if R.random() < 0.5:
            kw["allow_relative_error"] = R.choice(["linear", "lower", "higher", "midpoint", "nearest"])
    elif "kl_divergence" in t:
        which = R.random()
        if which < 0.4:
            v = members(k)
            kw["partition_object"] = {"values": v, "weights": [1 / len(v)] * len(v)}
            kw["tail_weight_holdout"] = R.choice([0, 0.1])
        elif which < 0.7:
            kw["partition_object"] = {"bins": [0, 1, 2, 5], "weights": [0.5, 0.25, 0.25]}
            kw["tail_weight_holdout"] = R.choice([0, 0.1])
            kw["internal_weight_holdout"] = R.choice([0, 0.1])
        elif which < 0.85:
            kw["bucketize_data"] = False
        kw["threshold"] = R.choice([0.1, 1, None])
    elif "_set" in t:
        kw["value_set"] = members(k if R.random() < 0.9 else "str")
        if "most_common" in t and R.random() < 0.5:
            kw["ties_okay"] = True
    elif "lengths_to_be_between" in t:
        kw.update({n: max(0, int(v)) if "value" in n else v for n, v in bounds("int").items()})
    elif "proportion" in t or "unique_value_count" in t:
        kw.update({"min_value": R.choice([0, 0.5, 1]), "max_value": R.choice([1, 5, 20])})
    elif t.endswith("between"):
        kw.update(bounds(k if R.random() < 0.93 else R.choice(["str", "int"])))
    elif "lengths_to_equal" in t:
        kw["value"] = R.choice([1, 2, 3, 4])
    elif "z_scores" in t:
        kw.update(threshold=R.choice([1, 2, 0.5, -1]), double_sided=R.random() < 0.5)
    elif "outliers" in t:
        if R.random() < 0.6:
            kw["method"] = R.choice(["iqr", "std"])
        if R.random() < 0.5:
            kw["multiplier"] = R.choice([0.5, 1, 2, 3, 0])
    elif "increasing" in t or "decreasing" in t:
        if R.random() < 0.5:
            kw["strictly"] = True
    elif "like_pattern_list" in t:
        kw["like_pattern_list"] = R.sample(["U%", "%B", "_", "%1%"], 2)
    elif "like_pattern" in t:
        kw["like_pattern"] = R.choice(["U%", "%B", "_", "%1%"])
    elif "regex_list" in t:
        kw["regex_list"] = R.sample(["^U", "B$", "[0-9]+", "^$", ".", "e"], 2)
        if "not_match" not in t and R.random() < 0.5:
            kw["match_on"] = R.choice(["any", "all"])
    elif "regex" in t:
        kw["regex"] = R.choice(["^U", "B$", r"\d+", "^$", ".", "e", "^[a-z]+$", "x$", r"\bv1", r"^\w+\Z"])
    elif "strftime" in t:
        kw["strftime_format"] = R.choice(["%Y-%m-%d", "%d/%m/%Y", "%b %d %Y %H:%M"])
    elif "json_schema" in t:
        kw["json_schema"] = R.choice([{"type": "object"}, {"type": ["object", "array"]}, {"type": "object", "properties": {"a": {"type": "integer"}}}])
    return kw


def plain(o):
    """What a result says, without tracebacks, which name files and lines."""
    if isinstance(o, dict):
        return {k: None if k == "exception_traceback" else plain(v) for k, v in o.items()}
    if isinstance(o, list):
        return [plain(x) for x in o]
    if type(o).__module__ == "numpy":
        return o.item()
    return o


def case(folder):
    rows = R.choice([0, 1, 2, 12, 40, 300])
    kinds = {"k": "int"}
    for i in range(R.randint(3, 6)):
        kinds[f"c{i}"] = R.choice(KINDS)
    nulls = R.choice([0, 0, 0.1, 0.5, 1])
    columns = {c: column(k, rows, nulls) for c, k in kinds.items()}
    columns["k"] = pa.array(range(1000, 1000 + rows), pa.int64())
    os.makedirs(folder)
    pq.write_table(pa.table(columns), f"{folder}/data.parquet", row_group_size=100)
    suite, missed = ExpectationSuite(name="s"), 0
    for _ in range(R.randint(4, 14)):
        try:
            suite.add_expectation_configuration(expectation(kinds, rows))
        except Exception:  # it refuses the arguments: nothing to compare
            missed += 1
    for e in suite.expectations:
        e.id = str(uuid.UUID(int=R.getrandbits(128)))
    options = {"index": ["k"] if R.random() < 0.3 else []}
    asset = source.add_dataframe_asset(os.path.basename(folder))
    batch = asset.add_batch_definition_whole_dataframe("b").get_batch(batch_parameters={"dataframe": pd.read_parquet(f"{folder}/data.parquet")})
    for fmt in ["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"]:
        how = {"result_format": fmt, **({"unexpected_index_column_names": options["index"]} if options["index"] else {})}
        with open(f"{folder}/{fmt}.json", "w") as f:
            json.dump(plain(batch.validate(suite, result_format=how).to_json_dict()), f)
    for name, value in (("suite", plain(suite.to_json_dict())), ("columns", {"kinds": kinds, **options})):
        with open(f"{folder}/{name}.json", "w") as f:
            json.dump(value, f)


context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
source = context.data_sources.add_pandas("p")
made, failed = 0, 0
while made < count:
    folder = f"{out}/case-{made:04d}-{failed}"
    try:
        case(folder)
        made += 1
    except Exception as e:
        shutil.rmtree(folder)
        failed += 1
        if failed > count:
            raise
print(json.dumps({"made": made, "failed": failed}))
