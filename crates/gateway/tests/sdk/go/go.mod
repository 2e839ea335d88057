module sdk

go 1.19

require (
	github.com/google/go-github/v48 v48.1.0
	github.com/google/go-querystring v1.1.0
	golang.org/x/crypto v0.0.0
	golang.org/x/oauth2 v0.0.0
)

replace (
	github.com/google/go-github/v48 => /usr/share/gocode/src/github.com/google/go-github
	github.com/google/go-querystring => /usr/share/gocode/src/github.com/google/go-querystring
	golang.org/x/crypto => /usr/share/gocode/src/golang.org/x/crypto
	golang.org/x/oauth2 => /usr/share/gocode/src/golang.org/x/oauth2
)
