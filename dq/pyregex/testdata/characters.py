"""Prints what Python's re takes every character for: the ranges that classes
find, those that its Unicode doesn't know yet, and letters with all their cases."""
import json
import re
import unicodedata

ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(has):
    out = []
    for c in map(ord, filter(has, ALL)):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


PATTERNS = [r"\w", r"\W", r"\d", r"\s", r"(?a)\w", r"(?a)\s", r"(?i)[\w]", r"(?i)[^\W]", r"(?i)[k-s]", r"(?i)[^k-s]", r"(?ai)[k-s]", r"(?i)[\u1c80-\uffff]", r"(?i)[\U00010400-\U00010410]"]
cased = "".join(c for c in ALL if c.lower() != c or c.upper() != c or c == "\u0345")
print(json.dumps({
    "unassigned": ranges(lambda c: unicodedata.category(c) == "Cn"),
    "found": {p: ranges(re.compile(p).search) for p in PATTERNS},
    "cased": cased,
    "cases": {c: "".join(re.findall("(?i)" + c, cased)) for c in cased},
}))
