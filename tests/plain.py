"""Asks the servers of tests, which speak without TLS: else each question would first read whom the system trusts."""

import httpx

from generator.servers import web

HTTP = httpx.Client(verify=web.trusting_nobody(), trust_env=False)
