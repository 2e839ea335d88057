"""PyGithub and github3.py. Both follow the `url` members of bodies, so the gateway rewrites those."""

import unittest

import github3
from demo import SECURE, proxy, token
from github import Auth, Github, GithubException
from matrix import cell, without

PYGITHUB = ("PyGithub", "GitHub")
GITHUB3 = ("github3.py", "GitHub")


class PyGithub(unittest.TestCase):
    def client(self, user="ben"):
        base = proxy("github", SECURE)
        return Github(auth=Auth.Token(token(user)), base_url=base, per_page=2, retry=None)

    def repository(self):
        client = self.client()
        return client.get_repo(f"{client.get_user().login}/atlas")

    @cell(*PYGITHUB, "list")
    def test_lists_repositories(self):
        self.assertTrue(self.client().get_user().login)
        self.assertEqual(len(self.client().get_user().get_repos().get_page(0)), 2)

    @cell(*PYGITHUB, "page")
    def test_pages_through_rewritten_links(self):
        names = [repository.full_name for repository in self.client().get_user().get_repos()]
        self.assertGreater(len(names), 2)
        self.assertEqual(len(names), len(set(names)))
        numbers = [issue.number for issue in self.repository().get_issues()]
        self.assertGreater(len(numbers), 2)

    @cell(*PYGITHUB, "create")
    def test_creates_an_issue_by_the_url_of_its_repository(self):
        issue = self.repository().create_issue(title="From PyGithub")
        self.assertEqual(self.repository().get_issue(issue.number).title, "From PyGithub")

    @cell(*PYGITHUB, "upload")
    def test_writes_a_file(self):
        written = self.repository().create_file("notes.txt", "Add notes", "some notes")
        self.assertEqual(written["content"].path, "notes.txt")

    @cell(*PYGITHUB, "download")
    def test_reads_a_file_with_folders(self):
        content = self.repository().get_contents("docs/guide.md")
        self.assertTrue(content.decoded_content.startswith(b"# Guide"))

    @cell(*PYGITHUB, "batch")
    def test_asks_graphql(self):
        _, answer = self.client().requester.graphql_query("{ viewer { login } }", {})
        self.assertTrue(answer["data"]["viewer"]["login"])

    @cell(*PYGITHUB, "errors")
    def test_shows_a_problem_of_the_gateway(self):
        with self.assertRaises(GithubException) as raised:
            _ = self.client("cleo").get_user().login
        self.assertEqual(raised.exception.status, 403)
        self.assertEqual(raised.exception.data["code"], "reconnect-required")


class Github3(unittest.TestCase):
    def client(self, user="ben"):
        session = github3.session.GitHubSession()
        session.base_url = proxy("github", SECURE)
        return github3.GitHub(token=token(user), session=session)

    def repository(self):
        client = self.client()
        return client.repository(client.me().login, "atlas")

    @cell(*GITHUB3, "list")
    def test_lists_repositories(self):
        self.assertEqual(len(list(self.client().repositories(number=2))), 2)

    @cell(*GITHUB3, "page")
    def test_pages_through_rewritten_links(self):
        iterator = self.client().repositories()
        iterator.params["per_page"] = 2
        names = [repository.full_name for repository in iterator]
        self.assertGreater(len(names), 2)
        self.assertEqual(len(names), len(set(names)))

    @cell(*GITHUB3, "create")
    def test_creates_an_issue_by_the_url_of_its_repository(self):
        self.assertEqual(self.repository().create_issue("From github3.py").title, "From github3.py")

    @cell(*GITHUB3, "upload")
    def test_writes_a_file(self):
        written = self.repository().create_file("notes3.txt", "Add notes", b"some notes")
        self.assertEqual(written["content"].path, "notes3.txt")

    @cell(*GITHUB3, "download")
    def test_reads_a_file_with_folders(self):
        content = self.repository().file_contents("docs/guide.md")
        self.assertTrue(content.decoded.startswith(b"# Guide"))

    @cell(*GITHUB3, "errors")
    def test_shows_a_problem_of_the_gateway(self):
        with self.assertRaises(github3.exceptions.ForbiddenError) as raised:
            self.client("cleo").me()
        self.assertEqual(raised.exception.response.json()["code"], "reconnect-required")


without(*GITHUB3, ["batch"], "no call")

if __name__ == "__main__":
    unittest.main()
