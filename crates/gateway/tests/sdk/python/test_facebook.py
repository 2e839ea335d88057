"""facebook-sdk, with the token in a header: in the query it is refused."""

import io
import unittest

import facebook
import requests
from demo import proxy, token
from matrix import cell

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

    def assert_a_page_is_wanted(self, call):
        # The gateway removes the tokens of pages from answers, so none can be sent.
        with self.assertRaises(facebook.GraphAPIError) as raised:
            call()
        self.assertEqual(raised.exception.result["error"]["code"], 200)

    @cell(*SDK, "create", "refused by Facebook")
    def test_posts_belong_to_pages(self):
        # `put_object` wants a token of its own, which it would write into the form.
        with self.assertRaises(AssertionError):
            self.client().put_object("me", "feed", message="From facebook-sdk")
        message = {"message": "From facebook-sdk"}
        self.assert_a_page_is_wanted(lambda: self.client().request("me/feed", post_args=message))

    @cell(*SDK, "upload", "refused by Facebook")
    def test_photos_belong_to_pages(self):
        self.assert_a_page_is_wanted(lambda: self.client().put_photo(io.BytesIO(b"a picture"), message="A photo"))

    @cell(*SDK, "download")
    def test_reads_a_picture(self):
        picture = self.client().get_object("me/picture")
        self.assertEqual(picture["mime-type"], "image/jpeg")
        self.assertGreater(len(picture["data"]), 0)
        self.assertTrue(picture["url"].startswith(proxy("facebook")), picture["url"])

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


if __name__ == "__main__":
    unittest.main()
