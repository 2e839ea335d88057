import assert from 'node:assert/strict'
import test from 'node:test'
import { graphql } from '@octokit/graphql'
import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import { demo, proxy, secure } from './demo.mjs'
import { matrix } from './matrix.mjs'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const client = user => new Octokit({ baseUrl: proxy('github'), auth: demo.users[user].token, log: silent })
const octokit = client('ben')
const rest = matrix('@octokit/rest', 'GitHub')

async function atlas () {
  const { data } = await octokit.rest.users.getAuthenticated()
  return { owner: data.login, repo: 'atlas' }
}

rest.cell('list', 'reads the user and lists repositories', async () => {
  const { data, headers } = await octokit.rest.users.getAuthenticated()
  assert.equal(typeof data.login, 'string')
  assert.equal(headers['idp-outcome'], 'ok')
  assert.ok((await octokit.rest.repos.listForAuthenticatedUser()).data.length > 0)
})

rest.cell('page', 'pages through rewritten links', async () => {
  const pages = []
  for await (const page of octokit.paginate.iterator('GET /user/repos', { per_page: 2 })) pages.push(page)
  assert.ok(pages.length > 1, 'more than one page')
  for (const page of pages.slice(1)) assert.ok(page.url.startsWith(proxy('github')), page.url)
  const names = pages.flatMap(page => page.data.map(repository => repository.full_name))
  assert.equal(new Set(names).size, names.length, 'no repository twice')
})

test('@octokit/rest: pages on at the address by number that GitHub gives', async () => {
  const issues = await octokit.paginate(octokit.rest.issues.listForRepo, { ...await atlas(), per_page: 2 })
  assert.ok(issues.length > 2)
})

rest.cell('create', 'creates an issue', async () => {
  const { status, data } = await octokit.rest.issues.create({ ...await atlas(), title: 'From Octokit' })
  assert.equal(status, 201)
  assert.equal(data.title, 'From Octokit')
})

rest.cell('upload', 'uploads a release asset to its host below the prefix', async () => {
  const { data } = await octokit.rest.repos.uploadReleaseAsset({
    ...await atlas(),
    baseUrl: proxy('github/~uploads.github.com'),
    release_id: 1,
    name: 'tool.tar.gz',
    headers: { 'content-type': 'application/gzip' },
    data: Buffer.alloc(300_000)
  })
  assert.equal(data.size, 300_000)
  assert.equal(data.name, 'tool.tar.gz')
})

rest.cell('download', 'downloads an archive and a file with folders', async () => {
  const { data: archive, url } = await octokit.rest.repos.downloadTarballArchive({ ...await atlas(), ref: 'main' })
  assert.ok(archive.byteLength > 0)
  // The signed address stays inside.
  assert.ok(url.startsWith(proxy('github')), url)
  const { data } = await octokit.rest.repos.getContent({ ...await atlas(), path: 'docs/guide.md' })
  assert.equal(data.path, 'docs/guide.md')
})

rest.without(['batch'], 'no call')

rest.cell('errors', 'shows a problem of the gateway', async () => {
  const error = await client('cleo').rest.users.getAuthenticated().catch(error => error)
  assert.equal(error.status, 403)
  assert.equal(error.response.data.code, 'reconnect-required')
  assert.match(error.message, /no longer accepts.*outcomes\.html#reconnect-required/, "Octokit shows where to read on")
})

test('@octokit/plugin-throttling: obeys our Retry-After', async () => {
  const waits = []
  const Throttled = Octokit.plugin(throttling)
  const octokit = new Throttled({
    baseUrl: proxy('github'),
    auth: demo.users.ben.token,
    log: silent,
    throttle: {
      onRateLimit: after => { waits.push(after); return false },
      onSecondaryRateLimit: after => { waits.push(after); return false }
    }
  })
  await fetch(`${demo.faults}/github`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      path: '/user/issues',
      status: 403,
      headers: { 'retry-after': '7' },
      body: { message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.' }
    })
  })
  const error = await octokit.request('GET /user/issues').catch(error => error)
  assert.equal(error.status, 403)
  assert.equal(error.response.headers['retry-after'], '7')
  assert.equal(error.response.headers['idp-outcome'], 'provider-rate-limited')
  assert.deepEqual(waits, [7])
})

const queries = matrix('@octokit/graphql', 'GitHub')
const ask = user => graphql.defaults({ baseUrl: proxy('github'), headers: { authorization: `bearer ${demo.users[user].token}` } })

queries.cell('batch', 'asks several things at once', async () => {
  const { viewer } = await ask('ben')('{ viewer { login } rateLimit { remaining } }')
  assert.equal(typeof viewer.login, 'string')
})

queries.cell('errors', 'shows a problem of the gateway', async () => {
  const error = await ask('cleo')('{ viewer { login } }').catch(error => error)
  assert.equal(error.status, 403)
  assert.equal(error.response.data.code, 'reconnect-required')
})

// The gateway behind TLS has a rule for GraphQL: queries of `viewer` and `rateLimit`, four levels deep.
const ruled = graphql.defaults({ baseUrl: `${secure}/proxy/github`, headers: { authorization: `bearer ${demo.users.ben.token}` } })

test('@octokit/graphql: asks what a rule opens', async () => {
  for (const query of [
    '{ viewer { login } }',
    'query Me($full: Boolean!) { ...Root } fragment Root on Query { viewer { login ... @include(if: $full) { id } } budget: rateLimit { cost } }'
  ]) {
    const { viewer } = await ruled(query, { full: true })
    assert.equal(typeof viewer.login, 'string', query)
  }
})

test('@octokit/graphql: shows what a rule does not open', async () => {
  for (const [query, part] of [
    ['mutation { addStar(input: { starrableId: "x" }) { clientMutationId } }', "operation 'mutation'"],
    ['{ viewer: organization(login: "acme") { id } }', "field 'organization'"],
    ['{ ...F } fragment F on Query { viewer { login } search(query: "x", type: USER) { userCount } }', "field 'search'"],
    ['{ viewer { a { b { c { d } } } } }', '5 levels'],
    ['{ __schema { types { name } } }', 'introspection']
  ]) {
    const error = await ruled(query).catch(error => error)
    assert.equal(error.status, 403, query)
    assert.equal(error.response.data.code, 'policy-denied', query)
    assert.ok(error.message.includes(part), `${query}: ${error.message}`)
  }
})

queries.without(['list', 'page', 'create'], 'as `batch`')
queries.without(['upload', 'download'], 'no call')
