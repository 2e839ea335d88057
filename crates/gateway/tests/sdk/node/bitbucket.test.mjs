import assert from 'node:assert/strict'
import sdk from 'bitbucket'
import { demo, proxy } from './demo.mjs'
import { matrix } from './matrix.mjs'

const client = user => new sdk.Bitbucket({
  baseUrl: `${proxy('bitbucket')}/2.0`,
  auth: { token: demo.users[user].token },
  notice: false
})
const bitbucket = client('ben')
const { cell, without } = matrix('bitbucket', 'Bitbucket')

async function repository () {
  const { data: user } = await bitbucket.users.getAuthedUser({})
  const workspace = user.nickname
  const { data } = await bitbucket.repositories.list({ workspace })
  return { workspace, repo_slug: data.values[0].slug }
}

cell('list', 'reads the user and lists repositories', async () => {
  const { data } = await bitbucket.users.getAuthedUser({})
  assert.equal(data.type, 'user')
  assert.ok((await repository()).repo_slug)
})

cell('page', 'pages through pull requests by the rewritten next', async () => {
  let { data } = await bitbucket.repositories.listPullRequests({ ...await repository(), pagelen: 2 })
  const ids = data.values.map(request => request.id)
  while (bitbucket.hasNextPage(data)) {
    assert.ok(data.next.startsWith(proxy('bitbucket')), data.next)
    ;({ data } = await bitbucket.getNextPage(data))
    ids.push(...data.values.map(request => request.id))
  }
  assert.ok(ids.length > 2, 'more than one page')
  assert.equal(new Set(ids).size, ids.length, 'no pull request twice')
})

cell('create', 'creates a pull request', async () => {
  const _body = { title: 'From the client', source: { branch: { name: 'topic' } } }
  const { data } = await bitbucket.repositories.createPullRequest({ ...await repository(), _body })
  assert.equal(data.title, 'From the client')
})

cell('download', 'reads a file with folders', async () => {
  const { data } = await bitbucket.repositories.readSrc({ ...await repository(), commit: 'main', path: 'README.md' })
  assert.ok(data.length > 0)
})

cell('upload', 'commits a file', async () => {
  const place = await repository()
  const _body = { 'notes/client.txt': 'some notes', message: 'Add notes' }
  const { status, headers } = await bitbucket.repositories.createSrcFileCommit({ ...place, _body })
  assert.equal(status, 201)
  assert.ok(headers.location.startsWith(proxy('bitbucket')), headers.location)
  const { data } = await bitbucket.repositories.readSrc({ ...place, commit: 'main', path: 'notes/client.txt' })
  assert.equal(data, 'some notes')
})

without(['batch'], 'no call')

cell('errors', 'shows a problem of the gateway', async () => {
  const error = await client('ana').users.getAuthedUser({}).catch(error => error)
  assert.equal(error.status, 403)
  assert.equal(error.error.code, 'account-not-connected')
})
