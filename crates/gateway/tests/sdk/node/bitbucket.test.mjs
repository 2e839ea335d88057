import assert from 'node:assert/strict'
import test from 'node:test'
import sdk from 'bitbucket'
import { demo, proxy } from './demo.mjs'

const bitbucket = new sdk.Bitbucket({
  baseUrl: `${proxy('bitbucket')}/2.0`,
  auth: { token: demo.users.ben.token },
  notice: false
})

test('bitbucket reads the user', async () => {
  const { data } = await bitbucket.users.getAuthedUser({})
  assert.equal(data.type, 'user')
})

test('bitbucket pages through pull requests by the rewritten next', async () => {
  const { data: user } = await bitbucket.users.getAuthedUser({})
  const workspace = user.nickname
  const { data: repositories } = await bitbucket.repositories.list({ workspace })
  const repo_slug = repositories.values[0].slug
  let { data } = await bitbucket.repositories.listPullRequests({ workspace, repo_slug, pagelen: 2 })
  const ids = data.values.map(request => request.id)
  while (bitbucket.hasNextPage(data)) {
    assert.ok(data.next.startsWith(proxy('bitbucket')), data.next)
    ;({ data } = await bitbucket.getNextPage(data))
    ids.push(...data.values.map(request => request.id))
  }
  assert.ok(ids.length > 2, 'more than one page')
  assert.equal(new Set(ids).size, ids.length, 'no pull request twice')
})
