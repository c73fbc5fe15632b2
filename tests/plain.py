"""Asks the servers of tests, which speak without TLS: else each question would first read whom the system trusts."""

import httpx

from generator.servers import bounded_http

HTTP = httpx.Client(verify=bounded_http.trusting_nobody(), trust_env=False)
