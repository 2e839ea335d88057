// The same call as code. The access token is a placeholder: the page never shows one.
import { parsed } from './dom.js'

const quoted = text => `'${text.replaceAll("'", String.raw`'\''`)}'`
const js = text => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`

// JSON as an object that can be edited, indented like the line where it begins; any other text as a string.
const object = body => parsed(body) === undefined ? js(body) : JSON.stringify(parsed(body), undefined, 2).replaceAll('\n', '\n  ')
const bodyOf = body => parsed(body) === undefined ? js(body) : `JSON.stringify(${object(body)})`

const curl = ({ method, url, headers, body }) => [
  `curl -i${method === 'GET' ? '' : ` -X ${method}`}`,
  '  -H "Authorization: Bearer $ACCESS_TOKEN"',
  ...headers.map(([name, value]) => `  -H ${quoted(`${name}: ${value}`)}`),
  ...(body ? [`  -d ${quoted(body)}`] : []),
  `  ${quoted(url)}`
].join(' \\\n')

const fetchCode = ({ method, url, headers, body }) => `const response = await fetch(${js(url)}, {
${method === 'GET' ? '' : `  method: ${js(method)},\n`}  headers: {
    Authorization: \`Bearer \${await auth0.getTokenSilently()}\`${headers.map(([name, value]) => `,\n    ${js(name)}: ${js(value)}`).join('')}
  }${body ? `,\n  body: ${bodyOf(body)}` : ''}
})
const outcome = response.headers.get('idp-outcome')`

const octokit = ({ method, base, path, headers, body }) => `import { Octokit } from 'octokit'

const octokit = new Octokit({ auth: accessToken, baseUrl: ${js(base)} })
const { data } = await octokit.request(${js(`${method} ${path}`)}, {${body ? `\n  data: ${object(body)},` : ''}
  headers: {${headers.map(([name, value]) => ` ${js(name)}: ${js(value)}`).join(',')} }
})`

const googleAuth = ({ method, url, headers, body }) => `import { OAuth2Client } from 'google-auth-library'

const client = new OAuth2Client()
client.setCredentials({ access_token: accessToken })
const { data } = await client.request({
  url: ${js(url)},
  method: ${js(method)},
  headers: {${headers.map(([name, value]) => ` ${js(name)}: ${js(value)}`).join(',')} }${body ? `,\n  body: ${bodyOf(body)}` : ''}
})`

const rust = ({ method, url, headers, body }) => `let answer = reqwest::Client::new()
    .request(reqwest::Method::${method}, ${JSON.stringify(url)})
    .bearer_auth(&access_token)
${headers.map(([name, value]) => `    .header(${JSON.stringify(name.toLowerCase())}, ${JSON.stringify(value)})\n`).join('')}${body ? `    .body(${JSON.stringify(body)})\n` : ''}    .send()
    .await?;`

// The languages for calls of an adapter, by their names.
export function languagesOf(adapter) {
  return {
    curl,
    fetch: fetchCode,
    ...(adapter === 'github' && { Octokit: octokit }),
    ...(adapter === 'google' && { 'Google auth library': googleAuth }),
    Rust: rust
  }
}
