"""Where the gateways are, and the callers' tokens: see `gateway demo --json`."""

import json
import os

DEMO = json.loads(os.environ["DEMO"])
# The same sandbox behind TLS, with `rewrite_urls` for GitHub.
SECURE = os.environ["GATEWAY_TLS"]


def proxy(provider, gateway=DEMO["gateway"]):
    return f"{gateway}/proxy/{provider}"


def token(user):
    return DEMO["users"][user]["token"]
