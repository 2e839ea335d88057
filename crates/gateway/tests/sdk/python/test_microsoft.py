"""msgraph-sdk: the token goes to listed hosts alone, and the base address is the adapter's."""

import time
import unittest
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from demo import SECURE, proxy, token
from kiota_abstractions.api_error import APIError
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from matrix import cell
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.event import Event
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_core.requests.batch_request_content import BatchRequestContent

SDK = ("msgraph-sdk", "Microsoft")


class CallerToken:
    """Stands where the SDK expects an Entra credential."""

    def __init__(self, user):
        self.user = user

    def get_token(self, *scopes, **options):
        return AccessToken(token(self.user), int(time.time()) + 600)


class MsGraph(unittest.IsolatedAsyncioTestCase):
    def client(self, user="ben"):
        host = urlsplit(SECURE).hostname
        authentication = AzureIdentityAuthenticationProvider(
            CallerToken(user), scopes=["openid"], allowed_hosts=[host]
        )
        adapter = GraphRequestAdapter(authentication)
        adapter.base_url = f"{proxy('microsoft', SECURE)}/v1.0"
        return GraphServiceClient(request_adapter=adapter)

    @cell(*SDK, "list")
    async def test_reads_the_user_and_lists_messages(self):
        self.assertTrue((await self.client().me.get()).user_principal_name)
        self.assertGreater(len((await self.client().me.messages.get()).value), 0)

    @cell(*SDK, "page")
    async def test_pages_by_the_rewritten_next_link(self):
        client = self.client()
        page, ids = await client.me.messages.get(), []
        while True:
            ids += [message.id for message in page.value]
            if not page.odata_next_link:
                break
            self.assertTrue(page.odata_next_link.startswith(proxy("microsoft", SECURE)))
            page = await client.me.messages.with_url(page.odata_next_link).get()
        self.assertGreater(len(ids), 10)
        self.assertEqual(len(ids), len(set(ids)))

    @cell(*SDK, "create")
    async def test_creates_an_event(self):
        def at(hour):
            return DateTimeTimeZone(date_time=f"2026-05-02T{hour}:00:00", time_zone="UTC")

        event = Event(subject="From msgraph-sdk", start=at("09"), end=at("10"))
        self.assertEqual((await self.client().me.events.post(event)).subject, "From msgraph-sdk")

    async def content(self):
        """The request for a file's bytes, by its path under `/me`."""
        drive = f"{proxy('microsoft', SECURE)}/v1.0/me/drive"
        items = self.client().drives.by_drive_id("me").items
        children = items.by_drive_item_id("root").children.with_url(f"{drive}/root/children")
        first = (await children.get()).value[0]
        return items.by_drive_item_id(first.id).content.with_url(f"{drive}/items/{first.id}/content")

    @cell(*SDK, "upload")
    async def test_uploads_a_small_file(self):
        self.assertTrue((await (await self.content()).put(b"a report")).name)

    @cell(*SDK, "download")
    async def test_downloads_the_bytes(self):
        self.assertGreater(len(await (await self.content()).get()), 0)

    @cell(*SDK, "batch", "refused: `policy-denied`")
    async def test_batches_are_refused(self):
        client = self.client()
        content = BatchRequestContent()
        content.add_request_information(client.me.to_get_request_information())
        with self.assertRaises(APIError) as raised:
            await client.batch.post(content)
        self.assertEqual(raised.exception.response_status_code, 403)
        self.assertEqual(raised.exception.response_headers["idp-outcome"], "policy-denied")

    @cell(*SDK, "errors")
    async def test_shows_a_problem_of_the_gateway(self):
        with self.assertRaises(ODataError) as raised:
            await self.client("ana").me.get()
        self.assertEqual(raised.exception.response_status_code, 403)
        self.assertEqual(raised.exception.error.code, "account-not-connected")


if __name__ == "__main__":
    unittest.main()
