// `mcp-remote` signs in by itself: it finds the tenant in the challenge, registers an application, opens the tenant's login page
// (which this test fills in), redeems the code, and is then a local server for a client that knows no credentials.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

const demo = JSON.parse(process.env.DEMO)
const endpoint = `${demo.gateway}/mcp`

/** Presses Ben's button on the login page, and follows the way back. */
async function signIn(address) {
  const page = await fetch(address)
  assert.equal(page.status, 200, await page.clone().text())
  const [, action] = /<form[^>]* action="([^"]+)"/.exec(await page.text())
  const to = new URL(action.replaceAll('&amp;', '&'), page.url)
  const body = new URLSearchParams({ user: demo.users.ben.user_id })
  const pressed = await fetch(to, { method: 'POST', body, redirect: 'manual' })
  const back = await fetch(pressed.headers.get('location'))
  assert.equal(back.status, 200, await back.text())
}

/** The claims of the access token that the program keeps. */
function kept(folder) {
  const file = readdirSync(folder, { recursive: true }).find(name => name.endsWith('tokens.json'))
  const { access_token: token } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
}

test('mcp-remote registers, signs in and calls tools', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-remote-'))
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ['node_modules/mcp-remote/dist/proxy.js', endpoint],
    // Without a display no browser is started.
    env: { PATH: process.env.PATH, HOME: folder, MCP_REMOTE_CONFIG_DIR: folder },
    stderr: 'pipe',
  })
  let said = ''
  const signedIn = new Promise((resolve, reject) => {
    transport.stderr.on('data', part => {
      said += part
      const [address] = /^http\S+\/authorize\?\S+$/m.exec(said) ?? []
      if (address) signIn(address).then(() => resolve(address), reject)
    })
  })
  const client = new Client({ name: 'test', version: '1' })
  try {
    const [address] = await Promise.all([signedIn, client.connect(transport)])
    assert.equal(new URL(address).searchParams.get('resource'), endpoint)
    const claims = kept(folder)
    assert.deepEqual([claims.aud, claims.sub].flat().filter(value => !value.endsWith('/userinfo')), [endpoint, demo.users.ben.user_id])
    const { tools } = await client.listTools()
    assert.ok(tools.length > 15)
    const call = { provider: 'github', method: 'GET', path: '/user' }
    const user = await client.callTool({ name: 'call', arguments: call })
    assert.equal(user.structuredContent.body.login, 'ben')
    const me = await client.callTool({ name: 'accounts', arguments: {} })
    assert.equal(me.structuredContent.user_id, demo.users.ben.user_id)
    const all = said + JSON.stringify([tools, user, me])
    for (const secret of demo.secrets) assert.ok(!all.includes(secret), 'a secret stands in an answer')
  } catch (error) {
    throw new Error(said.slice(-3000), { cause: error })
  } finally {
    await client.close()
  }
})
