"""The official Python SDK as a client of the endpoint."""

import json
import os
import unittest

import httpx2
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

DEMO = json.loads(os.environ["DEMO"])
URL = DEMO["gateway"] + "/mcp"


def headers(user):
    return {"Authorization": f"Bearer {DEMO['users'][user]['token']}"}


class Mcp(unittest.IsolatedAsyncioTestCase):
    async def test_tools_are_listed_and_called(self):
        async with httpx2.AsyncClient(headers=headers("ben")) as http:
            async with streamable_http_client(URL, http_client=http) as streams:
                async with ClientSession(*streams[:2]) as session:
                    await session.initialize()
                    tools = (await session.list_tools()).tools
                    self.assertEqual([tool.name for tool in tools[:4]], ["accounts", "find", "call", "next"])
                    call = {"provider": "github", "method": "GET", "path": "/user"}
                    user = await session.call_tool("call", call)
                    self.assertEqual(user.structured_content["body"]["login"], "ben")


if __name__ == "__main__":
    unittest.main()
