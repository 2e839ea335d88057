"""google-api-python-client: the discovery document says where everything goes."""

import io
import json
import unittest

from demo import proxy, token
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import BatchError, MediaIoBaseDownload, MediaIoBaseUpload
from matrix import cell

SDK = ("google-api-python-client", "Google")


def service(name, version, user="ben"):
    document = json.loads(get_static_doc(name, version))
    # Calls, uploads and batches start with this address; `api_endpoint` changes that of the calls alone.
    document["rootUrl"] = f"{proxy('google')}/"
    return build_from_document(document, credentials=Credentials(token(user)))


class GoogleApiClient(unittest.TestCase):
    @cell(*SDK, "list")
    def test_lists_calendars(self):
        answer = service("calendar", "v3").calendarList().list().execute()
        self.assertGreater(len(answer["items"]), 0)

    @cell(*SDK, "page")
    def test_pages_through_files(self):
        files = service("drive", "v3").files()
        ids, pages, request = [], 0, files.list(pageSize=2)
        while request is not None:
            answer = request.execute()
            ids += [file["id"] for file in answer["files"]]
            pages += 1
            request = files.list_next(request, answer)
        self.assertGreater(pages, 1)
        self.assertEqual(len(ids), len(set(ids)))

    def test_a_get_with_a_long_address_stays_a_get(self):
        # The client sends it as a form with `X-HTTP-Method-Override: GET`.
        answer = service("drive", "v3").files().list(q="name contains '" + "x" * 2100 + "'").execute()
        self.assertEqual(answer["files"], [])

    @cell(*SDK, "create")
    def test_creates_a_file(self):
        made = service("drive", "v3").files().create(body={"name": "made.txt"}).execute()
        self.assertEqual(made["name"], "made.txt")

    @cell(*SDK, "upload")
    def test_uploads_at_once_and_in_parts(self):
        files = service("drive", "v3").files()
        simple = MediaIoBaseUpload(io.BytesIO(b"x" * 1000), "text/plain")
        self.assertTrue(files.create(body={"name": "simple.txt"}, media_body=simple).execute()["id"])
        parts = MediaIoBaseUpload(io.BytesIO(b"x" * 600_000), "text/plain", chunksize=262_144, resumable=True)
        request = files.create(body={"name": "parts.txt"}, media_body=parts)
        answer, sent = None, 0
        while answer is None:
            status, answer = request.next_chunk()
            sent += 1
        self.assertEqual(sent, 3)
        self.assertEqual(answer["name"], "parts.txt")

    @cell(*SDK, "download")
    def test_downloads_the_bytes(self):
        files = service("drive", "v3").files()
        id = files.list(pageSize=1).execute()["files"][0]["id"]
        bytes = io.BytesIO()
        download, done = MediaIoBaseDownload(bytes, files.get_media(fileId=id)), False
        while not done:
            _, done = download.next_chunk()
        self.assertGreater(len(bytes.getvalue()), 0)

    @cell(*SDK, "batch", "refused: `policy-denied`")
    def test_batches_are_refused(self):
        drive = service("drive", "v3")
        batch = drive.new_batch_http_request()
        batch.add(drive.files().list(pageSize=1))
        with self.assertRaises(HttpError) as raised:
            batch.execute()
        self.assertEqual(json.loads(raised.exception.content)["code"], "policy-denied")

    @cell(*SDK, "errors")
    def test_shows_a_problem_of_the_gateway(self):
        with self.assertRaises(HttpError) as raised:
            service("calendar", "v3", "cleo").calendarList().list().execute()
        self.assertEqual(raised.exception.resp["idp-outcome"], "provider-scope-missing")
        self.assertEqual(raised.exception.status_code, 403)


if __name__ == "__main__":
    unittest.main()
