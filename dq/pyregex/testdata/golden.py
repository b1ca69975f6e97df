"""Makes golden.json with Python 3.11: random patterns, texts, and what re.search
finds; null where Python refuses the pattern. Usage: golden.py SEED COUNT FILE"""
import json
import random
import re
import sys
import warnings

warnings.filterwarnings("ignore")
warnings.filterwarnings("error", "Flags not at the start")  # which Python 3.11 refuses
seed, count, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
R = random.Random(seed)
CHARS = ["a", "b", "A", "é", "É", "ß", "1", "٣", "_", " ", "\n", "\u00a0", "-", "x", "ſ", "K", "你", "."]
RARE = ["i", "I", "İ", "ı", "s", "k", "\u0345", "ι", "µ", "ẞ", "ﬅ", "ﬆ", "𐐀", "𐐨", "\x1c", "\u2028", "\x85", "²", "Ⅷ", "\0", "#", "{", "}", "\u0301"]
SETS = ["a", "b", "-", "x-z", "A-Z", r"\d", r"\w", r"\s", r"\W", "é", "[", "_", ".", "0-9", r"\-", r"\]", "^", "&&", "~"]
RARE_SETS = ["--", "a-", "]", r"\b", r"\1", r"\A", r"\x4", r"\400", r"\D", r"\S", "z-a", r"\d-z", "i-k", "à-ÿ", "[:alpha:]", " ", "#", "ﬁ-ﬆ", "\u0345", "α-ω", r"\u0130", r"\101", r"\9"]
OPENS = ["(", "(?:", "(?i:", "(?s:", "(?m:", "(?-i:", "(?P<n>", "(?=", "(?<!", "(?>", "(?#x)("]
RARE_OPENS = ["(?a:", "(?u:", "(?x:", "(?-x:", "(?i-s:", "(?s-i:", "(?i-i:", "(?-a:", "(?au:", "(?-:", "(?P<1>", "(?P<é>", "(?P<>", "(?<n>", "(?P>", "(?L:", "(?q:", "(?i", "(?im)(", "(?!", "(?<=", "(?", "(?ims:"]
ODD = ["{", "}", "]", "a{", "{,}", "a{1", "a{,2", "a{1,2,3}", "a{}", "(?#c)", "(?#c)*", "(?i)", "# c\n", "\t", ")", r"\z", r"\08", r"\0123", r"\400", r"\x4g", r"\u12", r"\U00010400", r"\U00110000", "a{3,1}", "\\"]


def one(often, rare):
    return R.choice(rare if R.random() < 0.1 else often)


def atom(depth):
    w = R.random()
    if w < 0.35:
        return re.escape(one(CHARS, RARE)) if R.random() < 0.95 else R.choice(ODD)
    if w < 0.5:
        return one([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", r"\.", r"\x41", r"\u00e9", r"\n", r"\0", r"\101"], [r"\1", r"\q"])
    if w < 0.62:
        return "[" + R.choice(["", "^"]) + "".join(one(SETS, RARE_SETS) for _ in range(R.randint(1, 4))) + "]"
    if w < 0.74:
        return R.choice(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
    if depth < 3:
        return (one(OPENS, RARE_OPENS) if R.random() < 0.2 else R.choice(OPENS[:6])) + alternatives(depth + 1) + ")"
    return R.choice(CHARS[:3])


def item(depth):
    s = atom(depth)
    if R.random() < 0.3:
        s += one(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??", "{0}"], ["*+", "**", "+??", "{2}{3}", "* ?", "{,}", "?+", "(?#c)+"])
    return s


def alternatives(depth):
    return "|".join("".join(item(depth) for _ in range(R.randint(0, 4))) for _ in range(R.choice([1, 1, 1, 2])))


def text(pattern):
    if R.random() < 0.4:  # of the pattern's own characters, which is found more often
        return "".join(R.choice(pattern or "a") for _ in range(R.randint(1, 5)))
    return "".join(one(CHARS + ["\n", "\r"], RARE) for _ in range(R.randint(0, 6)))


FLAGS = ["", "", "", "", "(?i)", "(?s)", "(?m)", "(?im)", "(?a)", "(?x)", "(?i)"]
RARE_FLAGS = ["(?ai)", "(?au)", "(?a)(?u)", "(?L)", "(?x) (?i)", "(?#c)(?i)", "(?xa)#c\n(?m)", " (?i)", "(?-i)", "(?u)"]
if sys.version_info >= (3, 14):  # where it has a meaning
    ODD.remove(r"\z")
    warnings.warn("\\B is found in an empty text since Python 3.14")

cases = []
for _ in range(count):
    pattern = one(FLAGS, RARE_FLAGS) + alternatives(0)
    texts = [text(pattern) for _ in range(5)] + [""]
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, ValueError, DeprecationWarning):
        cases.append([pattern, [], []])
        continue
    cases.append([pattern, texts, [compiled.search(t) is not None for t in texts]])
with open(file, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]\n")
