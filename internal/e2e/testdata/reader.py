"""Counts, beside the pipeline and with other code, where every record of a
topic is: reads table, quarantine and held rows with pyarrow or the warehouse's
own client, and compares places and values in DuckDB with a dump of the topic.

Started with one argument, a JSON object that says where the table is. Each line
on stdin is the path of the dump, JSON lines of {p, o, v: base64}, to which more
was appended since; each is answered by one line, the account.
"""

import base64
import datetime
import json
import os
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = {
    "id": "VARCHAR", "customer_id": "BIGINT", "name": "VARCHAR", "email": "VARCHAR", "country": "VARCHAR", "plan": "VARCHAR",
    "age": "BIGINT", "monthly_spend": "DOUBLE", "active": "BOOLEAN", "signup_date": "DATE", "event_time": "BIGINT",
}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def micros(t):
    return (t - EPOCH) // datetime.timedelta(microseconds=1)


class Folder:
    """Parquet files in a folder."""

    def __init__(self, where):
        self.where = where

    def files(self, folder):
        for at, folders, names in os.walk(folder):
            folders[:] = [f for f in folders if not f.startswith(("_", "."))]
            yield from (os.path.join(at, n) for n in names if n.endswith(".parquet"))

    def open(self, name):
        return pq.ParquetFile(name)

    def all(self, folder):
        return [self.open(f).read() for f in self.files(folder)]

    def table(self):
        return joined(self.all(self.where["table"]))

    def read(self):
        outside = self.all(self.where["quarantine"])
        return (self.table(), joined([t for t in outside if "_raw" not in t.column_names]),
                joined([t.select(["_partition", "_offset", "_raw"]) for t in outside if "_raw" in t.column_names]))


def joined(tables):
    """One table of many, of which early ones lack columns that later ones have."""
    return pa.concat_tables(tables, promote_options="default") if tables else None


class Bucket(Folder):
    """Parquet files in a bucket, by S3's protocol."""

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.where['endpoint']}/{path}") as answer:
            return answer.read()

    def files(self, folder):
        bucket, _, prefix = folder.partition("/")
        after = ""
        while True:
            query = urllib.parse.urlencode({"list-type": 2, "prefix": prefix + "/", "start-after": after})
            listing = xml.etree.ElementTree.fromstring(self.get(f"{bucket}?{query}"))
            keys = [e.text for e in listing.iter() if e.tag.endswith("}Key") or e.tag == "Key"]
            for key in keys:
                hidden = any(part.startswith(("_", ".")) for part in key[len(prefix) + 1:].split("/"))
                if key.endswith(".parquet") and not hidden:
                    yield f"{bucket}/{key}"
            if not keys:
                return
            after = keys[-1]

    def open(self, name):
        return pq.ParquetFile(pa.BufferReader(self.get(urllib.parse.quote(name))))


class Iceberg(Folder):
    """An Iceberg table by pyiceberg, which knows what of its files counts; its quarantine is in a folder."""

    def table(self):
        from pyiceberg.catalog.sql import SqlCatalog
        from pyiceberg.exceptions import NoSuchTableError
        catalog = SqlCatalog(self.where["catalog_name"], uri="sqlite:///" + self.where["catalog"], warehouse="file://" + self.where["table"])
        try:
            return catalog.load_table("default.customers").scan().to_arrow()
        except NoSuchTableError:
            return None
        finally:
            catalog.close()


class Snowflake:
    """Tables of a Snowflake account."""

    def __init__(self, where):
        import snowflake.connector
        self.name = where["name"]
        self.connection = snowflake.connector.connect(**where["connection"])

    def rows(self, name, columns="*"):
        cursor = self.connection.cursor()
        try:
            cursor.execute(f"SELECT {columns} FROM {name}")
        except Exception as e:  # the connector's errors share no type with fakesnow's
            if "does not exist" in str(e):
                return None
            raise
        names = [d[0].lower() for d in cursor.description]
        columns = list(zip(*cursor.fetchall())) or [()] * len(names)
        if not columns[0]:
            return None
        return pa.table({n: [bytes(v) if isinstance(v, bytearray) else v for v in c] for n, c in zip(names, columns)})

    def read(self):
        return self.rows(self.name), self.rows(self.name + "_HELD"), self.rows(self.name + "_QUARANTINE", '"_PARTITION", "_OFFSET", "_RAW"')


READERS = {"folder": Folder, "bucket": Bucket, "iceberg": Iceberg, "snowflake": Snowflake}


class Account:
    def __init__(self, reader):
        self.reader, self.db, self.at = reader, duckdb.connect(), 0
        self.db.execute("CREATE TABLE topic (p INTEGER, o BIGINT, raw BLOB, extra VARCHAR, extra_value VARCHAR, "
                        + ", ".join(f"{n} {t}" for n, t in COLUMNS.items()) + ")")

    def take(self, path):
        """Reads what was appended to the dump."""
        rows = []
        with open(path, "rb") as f:
            f.seek(self.at)
            for line in f:
                r = json.loads(line)
                raw = base64.b64decode(r["v"])
                rows.append((r["p"], r["o"], raw, *self.values(raw)))
            self.at = f.tell()
        if not rows:
            return
        schema = self.db.execute("SELECT * FROM topic LIMIT 0").to_arrow_table().schema
        fresh = pa.table([pa.array(c, type=f.type) for c, f in zip(zip(*rows), schema)], schema=schema)
        self.db.register("fresh", fresh)
        self.db.execute("INSERT INTO topic SELECT * FROM fresh")

    def values(self, raw):
        """What the table has to hold of a record; nothing if it isn't JSON."""
        try:
            v = json.loads(raw)
        except ValueError:
            return (None,) * (2 + len(COLUMNS))
        extra = [n for n in v if n not in COLUMNS]
        out = {n: v.get(n) for n in COLUMNS}
        if isinstance(out["age"], str):
            out["age"] = int(out["age"])  # what a replay casts
        out["signup_date"] = datetime.date.fromisoformat(out["signup_date"])
        out["event_time"] = micros(datetime.datetime.fromisoformat(out["event_time"]))
        name = extra[0] if extra else None
        return (name, v.get(name), *(out[n] for n in COLUMNS))

    def place(self, name, table):
        """Registers one of the three places, and says which more columns it has."""
        if table is None:
            table = pa.table({"_partition": pa.array([], pa.int32()), "_offset": pa.array([], pa.int64()), "_raw": pa.array([], pa.binary())})
        self.db.register(name, table)
        return [c for c in table.column_names if c not in COLUMNS and not c.startswith("_") and c != "event_date"], table.num_rows

    def one(self, query):
        return self.db.execute(query).fetchone()[0]

    def altered(self, name, extras, rows):
        """Counts the rows whose values aren't the topic's."""
        if not rows:
            return 0
        differs = [f't."{n}" IS DISTINCT FROM k."{n}"' for n in COLUMNS if n != "event_time"]
        differs.append("epoch_us(t.event_time) IS DISTINCT FROM k.event_time")
        for n in extras:
            differs.append(f't."{n}" IS DISTINCT FROM CASE WHEN k.extra = \'{n}\' THEN k.extra_value END')
        names = ", ".join(f"'{n}'" for n in extras) or "''"
        differs.append(f"(k.extra_value IS NOT NULL AND k.extra NOT IN ({names}))")
        return self.one(f"SELECT count(*) FROM {name} t JOIN topic k ON k.p = t._partition AND k.o = t._offset WHERE " + " OR ".join(differs))

    def account(self):
        tables = self.reader.read()
        names = ["in_table", "in_held", "in_quarantine"]
        found = [self.place(n, t) for n, t in zip(names, tables)]
        union = " UNION ALL ".join(f"SELECT _partition::INTEGER AS p, _offset::BIGINT AS o FROM {n}" for n in names)
        self.db.execute(f"CREATE OR REPLACE TEMP TABLE found AS SELECT p, o, count(*) AS n FROM ({union}) GROUP BY p, o")
        altered = sum(self.altered(n, *f) for n, f in zip(names[:2], found[:2]))
        altered += self.one("SELECT count(*) FROM in_quarantine t JOIN topic k ON k.p = t._partition AND k.o = t._offset WHERE t._raw IS DISTINCT FROM k.raw")
        return {
            "topic": self.one("SELECT count(*) FROM topic"),
            "table": found[0][1], "held": found[1][1], "quarantine": found[2][1],
            "lost": self.one("SELECT count(*) FROM topic ANTI JOIN found USING (p, o)"),
            "doubled": self.one("SELECT coalesce(sum(n - 1), 0)::BIGINT FROM found"),
            "strange": self.one("SELECT count(*) FROM found ANTI JOIN topic USING (p, o)"),
            "altered": altered,
        }


def main():
    where = json.loads(sys.argv[1])
    account = Account(READERS[where["kind"]](where))
    for line in sys.stdin:
        account.take(line.rstrip("\n"))
        print(json.dumps(account.account()), flush=True)


main()
