// The official inspector in its command-line mode. It needs a newer Node than distributions have, which npm brings along.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const demo = JSON.parse(process.env.DEMO)
const program = 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'

async function inspect(user, ...more) {
  const header = `Authorization: Bearer ${demo.users[user].token}`
  const { stdout } = await promisify(execFile)('node_modules/.bin/node', [
    program, '--cli', `${demo.gateway}/mcp`, '--transport', 'http', '--header', header, ...more,
  ], { maxBuffer: 4 << 20 })
  for (const secret of demo.secrets) assert.ok(!stdout.includes(secret), 'a secret stands in an answer')
  return JSON.parse(stdout)
}

test('the inspector lists tools, and finds nothing wrong with their schemas', async () => {
  const { tools } = await inspect('ben', '--method', 'tools/list', '--strict')
  assert.deepEqual(tools.slice(0, 4).map(tool => tool.name), ['accounts', 'find', 'call', 'next'])
})

test('the inspector calls a tool', async () => {
  const call = ['provider=github', 'method=GET', 'path=/user'].flatMap(pair => ['--tool-arg', pair])
  const answer = await inspect('ben', '--method', 'tools/call', '--tool-name', 'call', ...call)
  assert.equal(answer.structuredContent.body.login, 'ben')
})
