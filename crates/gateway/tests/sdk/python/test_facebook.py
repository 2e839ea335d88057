"""facebook-sdk, with the token in a header: in the query it is refused."""

import unittest

import facebook
import requests
from demo import proxy, token
from matrix import cell, without

SDK = ("facebook-sdk", "Facebook")


class FacebookSdk(unittest.TestCase):
    def setUp(self):
        facebook.FACEBOOK_GRAPH_URL = f"{proxy('facebook')}/"

    def client(self, user="ben"):
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token(user)}"
        return facebook.GraphAPI(session=session)

    def test_its_token_in_the_query_is_refused_with_the_remedy(self):
        with self.assertRaises(facebook.GraphAPIError) as raised:
            facebook.GraphAPI(access_token=token("ben")).get_object("me")
        self.assertIn("Authorization", str(raised.exception))

    @cell(*SDK, "list")
    def test_lists_photos(self):
        self.assertTrue(self.client().get_object("me")["id"])
        self.assertGreater(len(self.client().get_connections("me", "photos")["data"]), 0)

    @cell(*SDK, "page", "works by cursor")
    def test_pages_by_cursor(self):
        # `get_all_connections` wants a token in the next page's address, where the gateway leaves none.
        with self.assertRaises(KeyError):
            list(self.client().get_all_connections("me", "photos"))
        ids, after = [], None
        while True:
            page = self.client().get_connections("me", "photos", limit=20, **({"after": after} if after else {}))
            ids += [photo["id"] for photo in page["data"]]
            if "next" not in page.get("paging", {}):
                break
            after = page["paging"]["cursors"]["after"]
        self.assertGreater(len(ids), 20)
        self.assertEqual(len(ids), len(set(ids)))

    @cell(*SDK, "batch", "refused: `policy-denied`")
    def test_batches_are_refused(self):
        with self.assertRaises(facebook.GraphAPIError) as raised:
            self.client().request("", post_args={"batch": '[{"method":"GET","relative_url":"me"}]'}, method="POST")
        self.assertEqual(raised.exception.result["code"], "policy-denied")

    @cell(*SDK, "errors")
    def test_shows_a_problem_of_the_gateway(self):
        with self.assertRaises(facebook.GraphAPIError) as raised:
            self.client("cleo").get_object("me")

        self.assertIn("code", raised.exception.result)


without(*SDK, ["create", "upload", "download"], "not tried")

if __name__ == "__main__":
    unittest.main()
