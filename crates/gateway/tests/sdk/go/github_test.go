// go-github of the distribution as a client of a running gateway.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/google/go-github/v48/github"
)

var ctx = context.Background()

type bearer string

func (token bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+string(token))
	return http.DefaultTransport.RoundTrip(request)
}

func client(t *testing.T, user string) *github.Client {
	var demo struct {
		Gateway string
		Users   map[string]struct{ Token string }
	}
	must(t, json.Unmarshal([]byte(os.Getenv("DEMO")), &demo))
	client := github.NewClient(&http.Client{Transport: bearer(demo.Users[user].Token)})
	base, err := url.Parse(demo.Gateway + "/proxy/github/")
	must(t, err)
	uploads, err := url.Parse(demo.Gateway + "/proxy/github/~uploads.github.com/")
	must(t, err)
	client.BaseURL, client.UploadURL = base, uploads
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Fills a cell of the table in docs/providers/sdks.md when the test has passed.
func cell(t *testing.T, feature, result string) {
	t.Helper()
	row := map[string]string{
		"sdk": "go-github", "version": "48", "provider": "GitHub", "feature": feature, "result": result,
	}
	line, err := json.Marshal(row)
	must(t, err)
	file, err := os.OpenFile(os.Getenv("MATRIX"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(t, err)
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	must(t, err)
}

func login(t *testing.T, client *github.Client) string {
	user, _, err := client.Users.Get(ctx, "")
	must(t, err)
	return user.GetLogin()
}

func TestLists(t *testing.T) {
	client := client(t, "ben")
	repositories, _, err := client.Repositories.List(ctx, "", nil)
	must(t, err)
	if login(t, client) == "" || len(repositories) == 0 {
		t.Fatal("no repository")
	}
	cell(t, "list", "works")
}

func TestPagesByNumber(t *testing.T) {
	client := client(t, "ben")
	names, pages := map[string]bool{}, 0
	options := &github.RepositoryListOptions{ListOptions: github.ListOptions{PerPage: 2}}
	for {
		repositories, response, err := client.Repositories.List(ctx, "", options)
		must(t, err)
		for _, repository := range repositories {
			if names[repository.GetFullName()] {
				t.Fatal("a repository twice")
			}
			names[repository.GetFullName()] = true
		}
		pages++
		if response.NextPage == 0 {
			break
		}
		options.Page = response.NextPage
	}
	if pages < 2 {
		t.Fatal("one page")
	}
	cell(t, "page", "works")
}

func TestCreates(t *testing.T) {
	client := client(t, "ben")
	request := &github.IssueRequest{Title: github.String("From go-github")}
	issue, _, err := client.Issues.Create(ctx, login(t, client), "atlas", request)
	must(t, err)
	if issue.GetTitle() != "From go-github" {
		t.Fatal(issue)
	}
	cell(t, "create", "works")
}

func TestUploads(t *testing.T) {
	client := client(t, "ben")
	file, err := os.CreateTemp(t.TempDir(), "asset")
	must(t, err)
	_, err = file.Write(bytes.Repeat([]byte("x"), 300_000))
	must(t, err)
	_, err = file.Seek(0, io.SeekStart)
	must(t, err)
	options := &github.UploadOptions{Name: "tool.tar.gz"}
	asset, _, err := client.Repositories.UploadReleaseAsset(ctx, login(t, client), "atlas", 1, options, file)
	must(t, err)
	if asset.GetSize() != 300_000 {
		t.Fatal(asset)
	}
	cell(t, "upload", "works")
}

func TestDownloads(t *testing.T) {
	client := client(t, "ben")
	content, _, _, err := client.Repositories.GetContents(ctx, login(t, client), "atlas", "docs/guide.md", nil)
	must(t, err)
	text, err := content.GetContent()
	must(t, err)
	if len(text) == 0 {
		t.Fatal("no content")
	}
	cell(t, "download", "works")
}

func TestErrors(t *testing.T) {
	_, _, err := client(t, "cleo").Users.Get(ctx, "")
	refusal, ok := err.(*github.ErrorResponse)
	if !ok || refusal.Response.StatusCode != http.StatusForbidden {
		t.Fatal(err)
	}
	if outcome := refusal.Response.Header.Get("Idp-Outcome"); outcome != "reconnect-required" {
		t.Fatal(outcome)
	}
	cell(t, "errors", "works")
}

func TestHasNoBatch(t *testing.T) {
	cell(t, "batch", "no call")
}
