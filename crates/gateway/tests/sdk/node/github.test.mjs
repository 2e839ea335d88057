import assert from 'node:assert/strict'
import test from 'node:test'
import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import { demo, proxy } from './demo.mjs'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const client = user => new Octokit({ baseUrl: proxy('github'), auth: demo.users[user].token, log: silent })

test('Octokit reads the user', async () => {
  const { data, headers } = await client('ben').rest.users.getAuthenticated()
  assert.equal(typeof data.login, 'string')
  assert.equal(headers['idp-outcome'], 'ok')
})

test('Octokit pages through rewritten links', async () => {
  const pages = []
  for await (const page of client('ben').paginate.iterator('GET /user/repos', { per_page: 2 })) pages.push(page)
  assert.ok(pages.length > 1, 'more than one page')
  for (const page of pages.slice(1)) assert.ok(page.url.startsWith(proxy('github')), page.url)
  const names = pages.flatMap(page => page.data.map(repository => repository.full_name))
  assert.equal(new Set(names).size, names.length, 'no repository twice')
})

test('Octokit encodes the slash of a file path', async () => {
  const octokit = client('ben')
  const [repository] = (await octokit.request('GET /user/repos', { per_page: 1 })).data
  const { data } = await octokit.request('GET /repos/{owner}/{repo}/contents/{path}', {
    owner: repository.owner.login,
    repo: repository.name,
    path: 'docs/guide.md'
  })
  assert.equal(data.path, 'docs/guide.md')
})

test('the throttling plugin obeys our Retry-After', async () => {
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

test('Octokit shows a problem of the gateway', async () => {
  const error = await client('cleo').rest.users.getAuthenticated().catch(error => error)
  assert.equal(error.status, 403)
  assert.equal(error.response.data.code, 'reconnect-required')
  assert.match(error.message, /no longer accepts/)
})
