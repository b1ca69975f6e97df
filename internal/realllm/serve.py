"""A small real model behind OpenAI's API, on loopback: serve.py MODEL.gguf PORT. One thread is the steadiest on a busy machine."""
import signal
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = 4096
params.n_parallel = 1
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.use_jinja = True
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
print("listening", server.listening_address, flush=True)
signal.pause()
