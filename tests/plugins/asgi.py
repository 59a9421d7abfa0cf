"""Mangum with an ASGI application that tells what it was asked, or answers as the request's header `x-answer` says.

Reads events from standard input, one JSON a line; writes `{"seen", "reply"}` of each.
"""

import base64
import json
import sys

from mangum import Mangum

seen = {}


async def application(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    seen.clear()
    seen.update(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode(),
        headers=headers,
        body=base64.b64encode(body).decode(),
        client=scope["client"][0],
    )
    status, answers, content = 200, [], []
    for name, value in headers:
        if name == "x-answer":
            status, answers, content = json.loads(value)
    answers = [(name.encode(), value.encode()) for name, value in answers]
    await send({"type": "http.response.start", "status": status, "headers": answers})
    await send({"type": "http.response.body", "body": bytes(content)})


handler = Mangum(application, lifespan="off")

for line in sys.stdin:
    reply = handler(json.loads(line), None)
    print(json.dumps({"seen": seen, "reply": reply}), flush=True)
