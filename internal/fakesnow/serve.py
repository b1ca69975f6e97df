"""Serves fakesnow, a Snowflake that keeps its data in DuckDB, with what tests need beyond it:

- passwords and key pairs are checked, as Snowflake does;
- MERGE works within a transaction, and conflicts are Snowflake's errors instead of HTTP 500;
- what is created twice is an error with Snowflake's number for it;
- a transaction that idles and was in another's way is rolled back, as Snowflake does after five minutes.

usage: serve.py PORT, with PASSWORDS='{"USER": "password"}', PUBLIC_KEYS='{"USER": "file.pem"}' and IDLE_SECONDS.
"""
import base64
import collections
import gzip
import hashlib
import json
import os
import sys
import threading
import time

import duckdb
import fakesnow.cursor
import fakesnow.server as server
import jwt
import snowflake.connector.errors as errors
import uvicorn
from cryptography.hazmat.primitives import serialization
from sqlglot import exp
from starlette.responses import JSONResponse
from starlette.routing import request_response

PASSWORDS = json.loads(os.environ["PASSWORDS"])
PUBLIC_KEYS = {user: open(path, "rb").read() for user, path in json.loads(os.environ.get("PUBLIC_KEYS", "{}")).items()}
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "5"))

execute = fakesnow.cursor.FakeSnowflakeCursor._execute


class Session:
    """What is known of a connection: whether a statement runs on it, and when the last one ended."""

    def __init__(self):
        self.busy = threading.RLock()
        self.idle_since = time.monotonic()


sessions = collections.defaultdict(Session)  # by connection
last_conflict = 0.0


def execute_timed(self, transformed, params=None):
    session = sessions[self._duck_conn]
    with session.busy:
        try:
            return execute_as_snowflake(self, transformed, params)
        finally:
            session.idle_since = time.monotonic()


def execute_as_snowflake(self, transformed, params):
    global last_conflict
    try:
        if isinstance(transformed, exp.Create) and (t := transformed.find(exp.Table)) and t.name.lower() == "merge_candidates":
            self._duck_conn.execute(transformed.sql(dialect="duckdb"), params)
            return None
        return execute(self, transformed, params)
    except duckdb.ConstraintException as e:
        raise errors.ProgrammingError(msg=str(e), errno=100072, sqlstate="22000") from e
    except duckdb.TransactionException as e:
        last_conflict = time.monotonic()
        raise errors.ProgrammingError(msg=str(e), errno=625, sqlstate="57014") from e
    except errors.ProgrammingError as e:
        if e.errno == 2003 and "already exists" in str(e):
            raise errors.ProgrammingError(msg=str(e), errno=2002, sqlstate="42710") from e
        raise


fakesnow.cursor.FakeSnowflakeCursor._execute = execute_timed


def refuse(code, message):
    return JSONResponse({"data": {"nextAction": "RETRY_LOGIN"}, "code": code, "message": message, "success": False, "headers": None})


def check_token(data):
    """A token names its user itself: the driver sends no login name with it."""
    user = jwt.decode(data["TOKEN"], options={"verify_signature": False})["sub"].split(".", 1)[1]
    public = serialization.load_pem_public_key(PUBLIC_KEYS[user])
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    claims = jwt.decode(data["TOKEN"], public, algorithms=["RS256"])
    account = data["ACCOUNT_NAME"].upper()
    if claims["sub"] != f"{account}.{user}" or claims["iss"] != f"{account}.{user}.{fingerprint}":
        raise ValueError(f"claims {claims}")


log_in = server.login_request


async def checked_login(request):
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    data = json.loads(body)["data"]
    if (data.get("AUTHENTICATOR") or "").upper() == "SNOWFLAKE_JWT":
        try:
            check_token(data)
        except Exception:  # whatever is wrong with it, Snowflake says no more than this
            return refuse("390144", "JWT token is invalid.")
    elif PASSWORDS.get((data.get("LOGIN_NAME") or "").upper()) != data.get("PASSWORD"):
        return refuse("390100", "Incorrect username or password was specified.")
    return await log_in(request)


for route in server.app.routes:
    if route.path == "/session/v1/login-request":
        route.endpoint, route.app = checked_login, request_response(checked_login)

def end_idle_transactions():
    while True:
        time.sleep(min(1, IDLE_SECONDS / 2))
        for conn, session in list(sessions.items()):
            if session.idle_since + IDLE_SECONDS > time.monotonic() or last_conflict < session.idle_since:
                continue
            if not session.busy.acquire(blocking=False):
                continue
            try:
                conn.execute("ROLLBACK")
            except Exception:  # there was none
                pass
            finally:
                session.idle_since = time.monotonic()
                session.busy.release()


threading.Thread(target=end_idle_transactions, daemon=True).start()
uvicorn.run(server.app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
