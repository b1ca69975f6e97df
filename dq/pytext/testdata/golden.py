"""Writes golden.json: what Python says of the texts below.

Run with the Python that Great Expectations is installed for, in UTC:

    TZ=UTC LC_ALL=C python golden.py > golden.json

With a seed and a number it adds that many generated texts of each kind, which
the integration test compares. The date counts for dateutil, so it is fixed here and named in the file.
"""

import datetime
import decimal
import json
import random
import sys
import warnings

import dateutil.parser
import jsonschema

warnings.simplefilter("ignore")
TODAY = datetime.datetime(2027, 1, 30)

LAYOUTS = [
    "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f%z", "%d%m", "%d%m%y", "%j", "%Y%j", "%I:%M %p", "%H%M%S",
    "%a %d %b", "%A, %d. %B %Y", "%c", "%x", "%X", "%Y %U %w", "%Y %W %a", "%G-W%V-%u", "%G %V %a", "%y", "%z", "%Z",
    "%Y-%m-%d %Z", "%m/%d", "%b %d", "%%%d", "day  %d", "%d %H %f", "%f", "%S", "%M", "%H", "%p %I", "", "x", "[%d]",
    "%d\t%m", "ıſK %d", "%Y %j %m %d", "%Y %y", "%A %w", "%w %a %U %Y", "%Y %U %V %a", "%G %V %U %w", "%m %B", "\\d%d",
    "%d%H%M%S%f", "%d %m %Y", " %d", "%d ", "%u %W %Y", "(%H)", "%y%m%d", "é%d",
]
BAD_LAYOUTS = [
    "%", "%e", "%D", "%T", "%d %d", "%c %a", "%-d", "% d", "%.", "%Y %", "%k", "%é", "%V", "%G", "%G %V", "%Y %V %a", "%E",
    "%x %d", "%R", "%s", "%n", "%t", "%G %V %a %j", "%h", "%C", "%Y\0", "%O", "%1", "%\\", "%X %H", "%P", "%ſ",
]


def strptime_texts(layout, rng):
    texts = {"", " ", "x", layout, "2024-02-29", "2023-02-29", "1", "11", "111", "1111", "99", "00", "0", "61", "60", "366", "２９", "³"}
    for _ in range(12):
        moment = datetime.datetime(rng.choice([1, 99, 1900, 1969, 2000, 2023, 2024, 9999]), rng.randint(1, 12), rng.randint(1, 28),
                                   rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59), rng.choice([0, 5, 120000]),
                                   rng.choice([None, datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))]))
        text = moment.strftime(layout)
        texts.add(text)
        texts.add(mutated(text, rng))
        texts.add(mutated(mutated(text, rng), rng))
    return sorted(texts)


def mutated(text, rng):
    bits = ["0", "1", "2", "3", "5", "6", "9", " ", "  ", "-", ":", "/", ".", ",", "T", "Z", "z", "+", "am", "PM", "\t", "\n", "٣", "a",
            "29", "31", "Feb", "feb", "sun", "UTC", "gmt", "ſ", "é", "\x1c", "\u00a0", "12", "00", "'", "of", "th", "(", ")", "h", "m", "s"]
    at = rng.randint(0, len(text))
    kind = rng.randint(0, 3)
    if kind == 0:
        return text[:at] + rng.choice(bits) + text[at:]
    if kind == 1:
        return text[:at] + text[at + 1:]
    if kind == 2:
        return text[:at] + rng.choice(bits) + text[at + 1:]
    return text.upper() if rng.random() < 0.5 else text.lower()


def strptime(text, layout):
    try:
        datetime.datetime.strptime(text, layout)
        return True
    except ValueError:
        return False


def refused(layout):
    try:
        datetime.datetime.strptime(datetime.datetime(2001, 6, 15, 12, 30, 45, tzinfo=datetime.timezone.utc).strftime(layout), layout)
        return False
    except Exception:
        return True


DATES = """\
2024-01-01|2024-13-01|2024-1-1|01/02/03|13/13/13|31|30|32|0|Feb|February|Feb 30|Feb 29|29 Feb 2023|29 Feb 2024|Jan of 01|Jan of xx
Jan of ²|10:00|24:00|23:60|23:59:60|10:00:00.123456|10:00:00,5|10h|10h30|10 h 30 m|10h30m15s|10h 30|10.5h|10m|10s|5.5s|12 am|12am|13am
0am|12 pm|am|pm|a|10 a|at|on|10:00 UTC|10:00 GMT+3|10:00 XYZ-5|10:00 +03:00|10:00+0300|10:00 +3|10:00 +123|10:00 -99:99|10:00 Z|10:00z
10:00 +03 (BRST)|10:00 +0300 (BRST)|10:00 +0300 (br)|20240101|20240101T10|20240101T1030|20240101T103045|20240101103045|202401011030
240101|991231|123456|240101T123456|240101 123456.789|1|100|101|1000|9999|10000|99999999|nan|inf|infinity|NaN|Infinity|1e5|1_000
Thu Sep 25 10:36:28 2003|Thu, 25 Sep 2003 10:49:41 -0300|2003-09-25T10:49:41.5-03:00|Sep.25.2003|25.Sep.2003|Sep-25-2003|25-Sep-2003
2003.09.25|09.25.2003|25.09.2003|2003 09 25|25 09 2003|09 25 2003|Wed|Wednesday|wed 3|Thu 9999-12-31|Sat 9999-12-31|Fri 9999-12-31
Wed, July 10, '96|1996.07.10 AD at 15:08:56 PDT|1996.July.10 AD 12:08 PM|July 4, 1976 12:01:02 am|99|31-12|12-31|32-12|12-32|100-12
1-2-3-4|1/2/3/4|1 2 3 4|Jan Feb|Jan 2 Feb|2003-Sep-Oct|5th|1st of Jan|2nd|3rd|4nd|22th Jan 2020|٢٠٢٤-٠١-٠٢|２０２４-01-01|²|2024-²-01
-|--|+|+1|:|1:|:1|1:2:|1:2:3:|1:2:3:4|1:2:3.4.5|1.2.3.4|1.2|1,2|12,5|12,5.6|12:30,5|,|.|'|;|/|1/|1/2/|/1|Jan/|Jan-|Jan-1-|Jan/1/2
Mon Tue|Mon Jan|10:00 10:00|10:00 pm pm|10 pm 11|Today|hello|hello 2024|2024x|x2024|2024-01-01x|2024-01-01T|T10:00|t|m|h|s|1h2|h1|h 1|1 h
2024-W01|2024-001|2024-366|0001-01-01|0000-01-01|1-1-1|0-0-0|00-00-00|31-04-2024|31 April|31 Nov|30 Feb 2024|2024-02|2024-2|2-2024|13-2024
10:00 ABCDE|10:00 ABCDEF|10:00 abc|10:00 A|10:00 ABC DEF|ABC 10:00|10:00 Z+3|10:00 UTC+3|10:00 GMT-3:30|10:00 UTC+|10:00 +|10:00 -x
10:00 +99999999999:00|10:00 -99999999999:00|10:00 +23999999999:00|10:00 +24000000000:00|10:00 -23999999976:00|10:00 -23999999977:00
99999999999999999999|1:99999999999999999999|31 Jun 2020|1 Jan 10000|1 Jan 0|0 Jan|Jan 0|Jan 32|Jan 99|Jan 100|Jan 101|100.5|101.5|31.5|0.5
May|may 5|sept 5 2020|septem|MARCH|mArCh 3|İan|ſep|Sep 5 10am|10amZ|5:30p|5:30 p.m.|5:30pm.|p5|2024年01月02日|2024-01-01 10:00:00 America/New_York
1 of Jan|of|of Jan|jan of 5 6|Jan  of 5|12:30:45.1234567|12:30:45.|123456.7|1234567|12345678|12345.67|123456789012|12345678901234
2024-01-01 10|2024-01-01 1030|2024-01-01 10h|2024-01-01 10:30|1-1-2024 1.25|1-1-2024 12.5|1 1 2024 99|2024 1 1 2515|0x1F|1e|e1|1+1|10:00+1+1
10:00-0300-0300|10:00 UTC UTC|10:00 UTC+0300 (XYZ)|10:00 +0300  (XYZ)|10:00 +0300 (XYZ|10:00 +0300 XYZ|10:00 (XYZ)|1 pm|13 pm|24 pm|23 pm|23pm
2:00 a.m|2.00 am|2.5 am|12.30|12.30.45|Jan. 5|Jan.5|5.Jan|a.b|1.a|1.a.2|a1|A.D. 5|5 AD|5ad|and|5 and 6|nd|2024,01,01|01,02|1,234|12,34,56
2024-01-01 00:00:00.000|2024-01-01T00:00:00Z|2024-01-01T00:00:00+00:00|2024-01-01 24:00:00|2024-01-01T23:59:59.999999999Z|1704067200|1704067200.5
""".replace("\n", "|").split("|")

JSONS = [
    "", " ", "1", "-", "-0", "01", "1.", ".5", "1.5", "1e5", "1e", "1e+", "1E-5", "-1.5e+10x", "+1", "0x1", "1e400", "1_0", "NaN", "nan",
    "Infinity", "-Infinity", "-Inf", "+Infinity", "true", "True", "tru", "false", "null", "nul", "nulll", "undefined", "[", "]", "[]", "[ ]", "[1",
    "[1,", "[1,]", "[,1]", "[1 2]", "[1,2]", "[1,2]]", " [1 , 2 ] ", "{", "}", "{}", "{ }", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}',
    '{"a" 1}', '{"a":1 "b":2}', "{a:1}", "{'a':1}", '{1:2}', '{"a":1,"a":2}', '{,}', '{"a":}', '{"a":1}}', '{"a":1} x', '"', '"a', '"a"', '"a" b',
    '"\\', '"\\"', '"\\n"', '"\\x"', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"', '"\\u1234', '"\\u1234"', '"\\u123g"', '"\\uD834\\uDD1E"',
    '"\\uD834"', '"\\uD834\\u"', '"\\uD834\\u1"', '"\\uD834\\u0041"', '"\\uD834\\uDD1', '"\\uD834\\uDD1"', '"\\uD834\\uDD1x"', '"\\uDD1E"', '"\\uD834\\n"',
    '"\\uD834\\uD834"', '"\\u 123"', '"\\u0x12"', '"\\u+123"', '"\\u\u0661\u0661\u0661\u0661"', '"\t"', '"\n"', '"a\nb"', '"\x00"', '"\x1f"', '"\x7f"', '"é"', '"é', 'é', '"日本\\',
    "\ufeff1", " \ufeff1", "\ufeff", "\u00a01", "1\u00a0", "\x0b1", "\x0c", "\t\r\n1\t\r\n", "\n\n\n  x", '["é", é]', '{"日本": "語",\n "x": y}', "// 1", "/* */1", "1 // x",
    "[1,\n2,\n\n 3 4]", '{"a":\n{"b":\n[1,2,{"c":}]}}', '"\\/"', '"\\\'"', '"\\a"', '"\\ "', '"\\\n"', "\x001", "1\x00", "[" * 900 + "]" * 900,
    "[" * 900, "9" * 4300, "9" * 4301, "-" + "9" * 4301, "9" * 5000 + ".5", '[1, "' + "9" * 5000 + '"]', "[" + "9" * 5000 + ", x]", '{"a": tru}', '["a"', '["a",', '["a", "b', '[NaN, -Infinity, Infinity, -NaN]',
    "-Infinity1", "NaNs", "[-]", "[1.]", "[1.e5]", "[1e]", "[--1]", "00", "-01", "1 2", "{} {}", "[] []", '""""', '"a":1', "a", "\\", "'a'", "`a`", "\u2028", "[\u2028]", "\U0001F600", '"\U0001F600\\x"', '{"\U0001F600": x}',
]

SCHEMAS = [
    (True, ["1", "x"]),
    (False, ["1", "{}"]),
    ({}, ["1", "", "NaN", "{"]),
    ({"type": "integer"}, ["1", "1.0", "1.5", "true", "1e2", "1e400", "NaN", '"1"', "null", "-0.0", "12345678901234567890", "1e-400"]),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}, ["1", "1.0", "1.5", "true", "1e2", "NaN", "[]"]),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "type": ["integer", "string"], "minimum": 1, "exclusiveMinimum": True}, ["1", "2", "1.0", "2.0", '"a"', "1.5"]),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "type": ["integer", "number"]}, ["1", "1.0", "1.5", "true"]),
    ({"$schema": "http://json-schema.org/draft-06/schema#", "type": "integer", "exclusiveMaximum": 3}, ["1", "1.0", "3", "3.0", "2.999"]),
    ({"type": "number"}, ["1", "1.5", "NaN", "Infinity", "-Infinity", "true", "null", '"1"', "1e999"]),
    ({"type": ["string", "null"]}, ["1", "null", '"a"', "[]"]),
    ({"type": "boolean"}, ["true", "false", "0", "1", '"true"']),
    ({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 0}}}, ["{}", '{"a":1}', '{"a":-1}', '{"a":"1"}', '{"a":1,"b":2}', "[]", '{"a":1', '{"a":1,"a":-1}']),
    ({"type": "object", "additionalProperties": False, "properties": {"a": {}}, "patternProperties": {"^x": {"type": "string"}}}, ['{"a":1}', '{"b":1}', '{"x1":"s"}', '{"x1":1}', "{}"]),
    ({"enum": [1, "a", None, True, [1, 2], {"k": 1.0}]}, ["1", "1.0", '"a"', "null", "true", "false", "0", "[1,2]", "[1.0,2]", "[true,2]", '{"k":1}', '{"k":true}']),
    ({"const": 1}, ["1", "1.0", "true", '"1"']),
    ({"const": False}, ["0", "false", "0.0"]),
    ({"const": {"a": [0, False]}}, ['{"a":[0,false]}', '{"a":[false,0]}', '{"a":[0.0,false]}']),
    ({"multipleOf": 0.1}, ["0.3", "0.2", "1", "1.1", "0.7", "3", "0", "1e300", "5e-324", "-0.3"]),
    ({"multipleOf": 0.01}, ["0.07", "19.99", "4.35", "1.1", "100", "1.001"]),
    ({"multipleOf": 2}, ["2", "3", "2.0", "3.0", "-4", "4.5", "NaN", "Infinity", "100000000000000000000000000000", "100000000000000000000000000001", '"a"']),
    ({"multipleOf": 1e-8}, ["12391239123", "1e308", "0.00000001", "1.5e-8"]),
    ({"minimum": 0.1, "maximum": 9007199254740993}, ["0.1", "0.09999999999999999999", "0.1000000001", "0", "9007199254740993", "9007199254740994", "9007199254740992.0", "9007199254740994.0", "NaN", "Infinity", "-Infinity", "1e400"]),
    ({"exclusiveMinimum": 0, "exclusiveMaximum": 10}, ["0", "0.0", "-0.0", "1e-320", "10", "9.999999999999999999", "9.9", "10.0", "NaN"]),
    ({"minLength": 2, "maxLength": 3}, ['"a"', '"ab"', '"éé"', '"😀"', '"abcd"', "1", '"\\ud83d\\ude00"', '"\\ud83d\\u0041"']),
    ({"pattern": "^a.c"}, ['"abc"', '"abcd"', '"xabc"', "1"]),
    ({"pattern": "b"}, ['"abc"', '"x"']),
    ({"format": "date"}, ['"2024-01-01"', '"x"']),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "format": "date", "properties": {"m": {"format": "email"}, "format": {"type": "string"}}}, ['"x"', '{"m":"x"}', '{"format":1}', '{"format":"a"}']),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "string", "contentEncoding": "base64", "format": "ipv4"}, ['"%%"', "1"]),
    ({"uniqueItems": True}, ["[1,2]", "[1,1.0]", "[1,true]", "[0,false]", "[[1],[1]]", '[{"a":1},{"a":1.0}]', '["a","a"]', "[]", "[null,null]"]),
    ({"items": {"type": "integer"}, "minItems": 1, "maxItems": 3}, ["[]", "[1]", "[1,2,3,4]", '["a"]', "1"]),
    ({"prefixItems": [{"type": "integer"}], "items": False}, ["[1]", "[1,2]", '["a"]', "[]"]),
    ({"$schema": "http://json-schema.org/draft-07/schema", "items": [{"type": "integer"}], "additionalItems": False}, ["[1]", "[1,2]", '["a"]', "[]"]),
    ({"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3}, ["[1]", "[1,2]", "[1,2,3,4]", '["a",1,2]']),
    ({"contains": {"type": "integer"}, "minContains": 0}, ["[]", '["a"]']),
    ({"dependencies": {"a": ["b"]}}, ['{"a":1}', '{"a":1,"b":2}']),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": ["b"], "c": {"required": ["d"]}}}, ['{"a":1}', '{"a":1,"b":2}', '{"c":1}', '{"c":1,"d":1}']),
    ({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"minProperties": 2}}}, ['{"a":1}', '{"a":1,"b":2}', '{"c":1}']),
    ({"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}, ['{"a":1}', '{"a":1,"b":1}', '{"a":2}', '{"a":2,"c":1}']),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}], "not": {"const": 2}}, ["1", "2", "3", "4"]),
    ({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, ["2", "3", "6", "5", "2.0"]),
    ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ['"a"', "4", "5", "null"]),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer", "minimum": 0.5}}}, ["1", "0", '"a"']),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a", "minimum": 10, "definitions": {"a": {"type": "integer"}}}, ["1", "11", "1.5"]),
    ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}, "v": {"multipleOf": 0.1}}}}}, ['{"next":{"next":{"v":0.3}}}', '{"next":{"v":0.2}}', '{"next":1}']),
    ({"$id": "http://example.com/s", "$ref": "t", "$defs": {"t": {"$id": "t", "type": "integer"}}}, ["1", '"a"']),
    ({"properties": {"a": True, "b": False}, "unevaluatedProperties": False}, ['{"a":1}', '{"b":1}', '{"c":1}']),
    ({"prefixItems": [True], "unevaluatedItems": False}, ["[1]", "[1,2]"]),
    ({"propertyNames": {"maxLength": 1}, "minProperties": 1, "maxProperties": 2}, ["{}", '{"a":1}', '{"ab":1}', '{"a":1,"b":2,"c":3}']),
    ({"$schema": "http://example.com/unknown", "type": "integer", "prefixItems": [False]}, ["1", "[1]", '"a"']),
    ({"$schema": "https://json-schema.org/draft/2019-09/schema", "items": [{"type": "integer"}], "dependencies": {"a": ["b"]}}, ["[1]", '["a"]', '{"a":1}']),
    ({"type": "object", "properties": {"ids": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}}}}, ['{"ids":["a","b"]}', '{"ids":["A"]}', '{"ids":{}}', '{"ids":[}']),
]
BAD_SCHEMAS = [
    {"type": "strin"}, {"type": 1}, {"minimum": "a"}, {"required": "a"}, {"properties": []}, {"pattern": "("}, [], 1, "a", {"$schema": 5},
    {"multipleOf": 0}, {"minLength": -1}, {"enum": 1}, {"items": [1]}, {"allOf": []}, {"uniqueItems": "yes"}, {"additionalProperties": 1},
    {"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": 1}, {"exclusiveMinimum": True}, {"patternProperties": {"[": {}}},
]


def dateutil_reads(text):
    try:
        dateutil.parser.parse(text, default=TODAY)
        return True
    except (ValueError, OverflowError):
        return False
    except decimal.InvalidOperation:
        return False  # of more than 28 digits


def json_error(text):
    try:
        json.loads(text)
        return None
    except Exception as e:
        return str(e)


def schema_verdict(schema, text):
    try:
        value = json.loads(text)
    except Exception as e:
        return {"text": text, "error": str(e)}
    try:
        jsonschema.validate(value, schema)
        return {"text": text, "ok": True}
    except jsonschema.ValidationError:
        return {"text": text, "ok": False}


def schema_refused(schema):
    try:
        jsonschema.validate(1, schema)
        return False
    except jsonschema.ValidationError:
        return False
    except Exception:
        return True


DATE_BITS = ["1", "5", "10", "12", "13", "29", "31", "32", "99", "100", "2024", "0001", "9999", "1030", "240229", "123456.5", "20240229", "20240229103045",
             "10.5", "1.2.3", "12,5", " ", " ", " ", " ", "-", "-", "/", ".", ",", ":", ":", ":", "+", "T", "Z", "z", "UTC", "GMT", "EST", "ABCDE", "ABCDEF",
             "Jan", "feb", "Sept", "June", "Mon", "sunday", "am", "PM", "a", "p", "a.m.", "h", "m", "s", "hour", "minutes", "of", "at", "and", "th", "st", "ad",
             "(", ")", "'", ";", "x", "²", "٣", "é", "nan", "0300", "03", "+03:00", "-0300", "\u2003", "Feb-", "10:30"]
LAYOUT_BITS = [f"%{c}" for c in "aAbBcdfGHIjmMpSUuVwWxXyYzZ%"] + [" ", " ", "-", ":", "/", "T", "\t ", "x", ".", "é", "e"]
JSON_BITS = ["{", "}", "[", "]", ",", ":", '"', '"a"', '"b"', "1", "-", "0", ".5", "e5", "true", "null", "NaN", "-Infinity", " ", "\n", "\t", "\\", "\\u", "00e9",
             "\\ud834", "\\udd1e", "\\n", "\\x", "é", "😀", "x", "[1", '{"a":', ",]", "]}", "1.5", "\x01", '"k":1']
NUMBERS = ["0", "1", "-1", "2", "3", "7", "10", "0.1", "0.2", "0.3", "0.7", "1.1", "0.01", "4.35", "19.99", "1e22", "1e23", "1e-7", "5e-324", "1.7976931348623157e308",
           "9007199254740992", "9007199254740993", "9007199254740993.0", "123456789012345", "1234567890123456", "100000000000000000000000", "NaN", "Infinity", "-Infinity", "2.0", "-0.0"]
# Whole floats are left out: jsonschema divides by them, and pytext takes them for whole numbers.
DIVISORS = ["1", "2", "3", "7", "10", "0.1", "0.2", "0.3", "0.7", "1.1", "0.01", "4.35", "19.99", "1e-7", "9007199254740993"]


def assembled(bits, rng, longest):
    return "".join(rng.choice(bits) for _ in range(rng.randint(1, longest)))


def generated_date(rng):
    """Writes a date in a usual form, and often damages it."""
    moment = datetime.datetime(rng.choice([1, 31, 68, 69, 1999, 2024, 9999]), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59))
    text = moment.strftime(rng.choice(["%Y-%m-%d", "%d/%m/%y", "%b %d, %Y", "%d %B %Y %H:%M", "%Y%m%dT%H%M%S", "%a %d %b %Y %I:%M %p", "%H:%M:%S.%f", "%d.%m.%Y %Hh%M", "%Y-%m-%dT%H:%M:%S+03:00", "%B of %y"]))
    for _ in range(rng.randint(0, 3)):
        text = mutated(text, rng)
    return text


def generated_strptime(rng):
    layout = assembled(LAYOUT_BITS, rng, 6)
    if refused(layout):
        return None
    return {"layout": layout, "texts": {t: strptime(t, layout) for t in strptime_texts(layout, rng)}}


def generated_schema(rng):
    keys = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "const", "type"]
    schema = {}
    for key in rng.sample(keys, rng.randint(1, 3)):
        limit = json.loads(rng.choice([n for n in NUMBERS if n[-1] not in "Ny" and (key != "multipleOf" or n in DIVISORS)]))
        schema[key] = rng.choice(["integer", "number"]) if key == "type" else limit
    texts = [rng.choice(NUMBERS) for _ in range(6)]
    verdicts = []
    for text in texts:
        try:
            verdicts.append(schema_verdict(schema, text))
        except (ValueError, OverflowError):
            pass  # jsonschema itself fails on NaN and infinities that it divides
    return {"schema": schema, "texts": verdicts}


def main(seed=7, count=0):
    rng = random.Random(seed)
    dates = sorted(set(DATES) | {mutated(rng.choice(DATES), rng) for _ in range(400)}
                   | {assembled(DATE_BITS, rng, 8) for _ in range(count)} | {generated_date(rng) for _ in range(count)})
    texts = sorted(set(JSONS) | {mutated(rng.choice(JSONS), rng) for _ in range(200)} | {assembled(JSON_BITS, rng, 9) for _ in range(count)})
    layouts = [generated_strptime(rng) for _ in range(count // 4)]
    schemas = [generated_schema(rng) for _ in range(count)]
    assert all(refused(layout) for layout in BAD_LAYOUTS), [layout for layout in BAD_LAYOUTS if not refused(layout)]
    assert not any(refused(layout) for layout in LAYOUTS), [layout for layout in LAYOUTS if refused(layout)]
    assert all(schema_refused(s) for s in BAD_SCHEMAS), [s for s in BAD_SCHEMAS if not schema_refused(s)]
    golden = {
        "python": sys.version.split()[0],
        "today": TODAY.strftime("%Y-%m-%d"),
        "bad_layouts": BAD_LAYOUTS,
        "strptime": [{"layout": layout, "texts": {t: strptime(t, layout) for t in strptime_texts(layout, rng)}} for layout in LAYOUTS]
        + [layout for layout in layouts if layout],
        "dateutil": {t: dateutil_reads(t) for t in dates},
        "json": {t: json_error(t) for t in texts},
        "bad_schemas": BAD_SCHEMAS,
        "schemas": [{"schema": s, "texts": [schema_verdict(s, t) for t in texts]} for s, texts in SCHEMAS] + schemas,
    }
    json.dump(golden, sys.stdout, indent=1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
