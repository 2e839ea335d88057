"""FastMCP as a client of the endpoint."""

import json
import os
import unittest

from fastmcp import Client
from fastmcp.client.auth import BearerAuth

DEMO = json.loads(os.environ["DEMO"])


def client(token):
    return Client(DEMO["gateway"] + "/mcp", auth=BearerAuth(token))


class FastMcp(unittest.IsolatedAsyncioTestCase):
    async def test_tools_are_listed_and_called(self):
        async with client(DEMO["users"]["ben"]["token"]) as session:
            tools = await session.list_tools()
            self.assertEqual([tool.name for tool in tools[:4]], ["accounts", "find", "call", "next"])
            call = {"provider": "github", "method": "GET", "path": "/user"}
            user = await session.call_tool("call", call)
            self.assertEqual(user.structured_content["body"]["login"], "ben")

    async def test_a_problem_is_a_result(self):
        async with client(DEMO["users"]["ana"]["token"]) as session:
            call = {"provider": "bitbucket", "method": "GET", "path": "/2.0/user"}
            refused = await session.call_tool("call", call, raise_on_error=False)
            self.assertTrue(refused.is_error)
            self.assertEqual(refused.structured_content["code"], "account-not-connected")

    async def test_without_a_valid_token_there_is_no_connection(self):
        with self.assertRaises(Exception):
            async with client("no-token"):
                pass


if __name__ == "__main__":
    unittest.main()
