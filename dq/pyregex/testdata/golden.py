"""Makes golden.json with Python 3.11: random patterns, texts, and what re.search
finds; null where Python refuses the pattern. Usage: golden.py SEED COUNT FILE"""
import json
import random
import re
import sys
import warnings

warnings.filterwarnings("ignore")
seed, count, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
R = random.Random(seed)
CHARS = ["a", "b", "A", "é", "É", "ß", "1", "٣", "_", " ", "\n", "\u00a0", "-", "x", "ſ", "K", "你", "."]
SETS = ["a", "b", "-", "x-z", "A-Z", r"\d", r"\w", r"\s", r"\W", "é", "[", "_", ".", "0-9", r"\-", r"\]", "^", "&&", "~"]
OPENS = ["(", "(?:", "(?i:", "(?s:", "(?m:", "(?-i:", "(?P<n>", "(?=", "(?<!", "(?>", "(?#x)("]


def atom(depth):
    w = R.random()
    if w < 0.35:
        return re.escape(R.choice(CHARS)) if R.random() < 0.9 else R.choice(["{", "}", "]", "a{", "{,}"])
    if w < 0.5:
        return R.choice([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", r"\.", r"\x41", r"\u00e9", r"\n", r"\0", r"\101", r"\1", r"\q"])
    if w < 0.62:
        return "[" + R.choice(["", "^"]) + "".join(R.choice(SETS) for _ in range(R.randint(1, 4))) + "]"
    if w < 0.74:
        return R.choice(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
    if depth < 3:
        return R.choice(OPENS if R.random() < 0.2 else OPENS[:6]) + alternatives(depth + 1) + ")"
    return R.choice(CHARS[:3])


def item(depth):
    s = atom(depth)
    if R.random() < 0.3:
        s += R.choice(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??", "{0}", "*+"])
    return s


def alternatives(depth):
    return "|".join("".join(item(depth) for _ in range(R.randint(0, 4))) for _ in range(R.choice([1, 1, 1, 2])))


def text():
    return "".join(R.choice(CHARS + ["\n", "\r"]) for _ in range(R.randint(0, 6)))


cases = []
for _ in range(count):
    pattern = R.choice(["", "", "", "", "(?i)", "(?s)", "(?m)", "(?im)", "(?a)", "(?x)"]) + alternatives(0)
    texts = [text() for _ in range(5)] + [""]
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError):
        cases.append([pattern, [], []])
        continue
    cases.append([pattern, texts, [compiled.search(t) is not None for t in texts]])
with open(file, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]\n")
