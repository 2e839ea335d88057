// Both lines of the official TypeScript SDK as clients of the endpoint: 1.x begins with `initialize`, 2.x asks for itself.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as modern from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const demo = JSON.parse(process.env.DEMO)
const url = new URL(`${demo.gateway}/mcp`)
const answers = []

/** Keeps every answer, to search it for what must not be there. */
const fetching = async (...call) => {
  const answer = await fetch(...call)
  answers.push(await answer.clone().text())
  return answer
}
const options = user => ({
  fetch: fetching,
  requestInit: user ? { headers: { Authorization: `Bearer ${demo.users[user].token}` } } : {},
})

const lines = {
  '1.x': async user => {
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(url, options(user)))
    return client
  },
  '2.x': async user => {
    const client = new modern.Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    await client.connect(new modern.StreamableHTTPClientTransport(url, options(user)))
    return client
  },
}

for (const [line, connect] of Object.entries(lines)) {
  test(`${line}: lists and calls tools`, async () => {
    const client = await connect('ben')
    const { tools } = await client.listTools()
    assert.deepEqual(tools.slice(0, 4).map(tool => tool.name), ['accounts', 'find', 'call', 'next'])
    assert.ok(tools.length > 15)
    const me = await client.callTool({ name: 'accounts', arguments: {} })
    assert.equal(me.structuredContent.user_id, demo.users.ben.user_id)
    const user = await client.callTool({ name: 'call', arguments: { provider: 'github', method: 'GET', path: '/user' } })
    assert.equal(user.structuredContent.body.login, 'ben')
    const repositories = await client.callTool({ name: 'github_repositories', arguments: { per_page: 1 } })
    assert.equal(repositories.structuredContent.body.length, 1)
    await client.close()
  })

  test(`${line}: problems are results, and unknown tools errors`, async () => {
    const client = await connect('ana')
    await client.listTools()
    const refused = await client.callTool({ name: 'call', arguments: { provider: 'github', method: 'GET', path: '/user' } })
    assert.equal(refused.isError, true)
    assert.equal(refused.structuredContent.code, 'account-not-connected')
    await assert.rejects(client.callTool({ name: 'nothing', arguments: {} }), /Unknown tool|not found/i)
    await client.close()
  })

  test(`${line}: without a token there is no connection`, async () => {
    await assert.rejects(connect(undefined), /401|Unauthorized/i)
  })
}

after(() => {
  const all = answers.join('\n')
  assert.ok(answers.length > 10)
  for (const secret of demo.secrets) assert.ok(!all.includes(secret), 'a secret stands in an answer')
})
