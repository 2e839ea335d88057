"""PyPI SDKs as clients of a running `gateway demo`."""

import json
import os
import unittest

import facebook
import requests
from github import Auth, Github, GithubException
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

DEMO = json.loads(os.environ["DEMO"])


def proxy(provider):
    return f"{DEMO['gateway']}/proxy/{provider}"


def token(user):
    return DEMO["users"][user]["token"]


class PyGithub(unittest.TestCase):
    def client(self, user):
        return Github(auth=Auth.Token(token(user)), base_url=proxy("github"), per_page=2, retry=None)

    def test_reads_the_user_with_the_token_scheme(self):
        self.assertTrue(self.client("ben").get_user().login)

    def test_pages_through_rewritten_links(self):
        names = [repository.full_name for repository in self.client("ben").get_user().get_repos()]
        self.assertGreater(len(names), 2)
        self.assertEqual(len(names), len(set(names)))

    def test_shows_a_problem_of_the_gateway(self):
        with self.assertRaises(GithubException) as raised:
            _ = self.client("cleo").get_user().login
        self.assertEqual(raised.exception.status, 403)
        self.assertEqual(raised.exception.data["code"], "reconnect-required")


class GoogleApiClient(unittest.TestCase):
    def test_lists_drive_files_by_path(self):
        drive = build(
            "drive",
            "v3",
            credentials=Credentials(token("ana")),
            static_discovery=True,
            client_options={"api_endpoint": f"{proxy('google')}/drive/v3/"},
        )
        names, pages, request = [], 0, drive.files().list(pageSize=2)
        while request is not None:
            answer = request.execute()
            names += [file["name"] for file in answer["files"]]
            pages += 1
            request = drive.files().list_next(request, answer)
        self.assertGreater(pages, 1)
        self.assertEqual(len(names), len(set(names)))


class FacebookSdk(unittest.TestCase):
    def setUp(self):
        facebook.FACEBOOK_GRAPH_URL = f"{proxy('facebook')}/"

    def test_its_token_in_the_query_is_refused_with_the_remedy(self):
        with self.assertRaises(facebook.GraphAPIError) as raised:
            facebook.GraphAPI(access_token=token("ben")).get_object("me")
        self.assertIn("Authorization", str(raised.exception))

    def test_a_session_with_the_header_works(self):
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token('ben')}"
        self.assertTrue(facebook.GraphAPI(session=session).get_object("me")["id"])


if __name__ == "__main__":
    unittest.main()
