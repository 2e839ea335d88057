"""A Python backend that calls Google Calendar for the user whose access token it received.

It forwards the caller's own token; the gateway finds the provider's token. It needs the standard library only.
Run it with: GATEWAY=https://idp.acme.com python3 app.py
"""

import json
import os
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GATEWAY = os.environ.get("GATEWAY", "http://127.0.0.1:8080")


def calendars(authorization: str) -> tuple[int, object]:
    """Returns the user's calendars, or the refusal of the gateway."""
    request = urllib.request.Request(
        f"{GATEWAY}/proxy/google/calendar/v3/users/me/calendarList",
        headers={"Authorization": authorization, "Idp-Errors": "problem"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            items = json.load(response).get("items", [])
            return 200, [{"id": item["id"], "name": item.get("summary")} for item in items]
    except urllib.error.HTTPError as error:
        # The problem holds a code, a remedy and, where it applies, how the user connects the account. It holds no secret.
        problem = json.load(error)
        members = ("code", "remedy", "connect", "missing_scopes", "retry_after", "request_id")
        return error.code, {name: problem[name] for name in members if name in problem}
    except urllib.error.URLError:
        return 502, {"code": "gateway-unreachable"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization")
        if self.path != "/calendars":
            self.send(404, {"code": "not-found"})
        elif not authorization:
            self.send(401, {"code": "caller-token-missing"})
        else:
            self.send(*calendars(authorization))

    def send(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Handler)
    print(json.dumps({"listening": server.server_port}), flush=True)
    server.serve_forever()
