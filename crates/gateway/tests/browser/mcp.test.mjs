// The MCP endpoint as pages see it: the console's list of tools, and a client of another origin that is not signed in yet.
import assert from 'node:assert/strict'
import test from 'node:test'
import { assertNoSecrets, demo, launch, record, signIn } from './support.mjs'

const onPage = async check => {
  const browser = await launch()
  try {
    const page = await browser.newPage()
    const everything = record(page)
    await check(page)
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
  }
}

test('the console shows the tools that an MCP client of this person would see', () =>
  onPage(async page => {
    await signIn(page, demo.console, 'ben')
    const count = page.locator('#mcp-count').filter({ hasText: 'tools' })
    await count.click()
    assert.ok(parseInt(await count.textContent()) > 15, await count.textContent())
    assert.equal(await page.locator('#mcp-address').textContent(), `${demo.gateway}/mcp`)
    const tool = name => page.locator('#tools').getByRole('listitem', { name, exact: true })
    await tool('accounts').filter({ hasText: 'reads' }).waitFor()
    await tool('call').filter({ hasText: 'may write' }).waitFor()
    await tool('github_repositories').waitFor()
  }))

test('a client in a page of an allowed origin finds where to sign in', () =>
  onPage(async page => {
    await page.goto(demo.app)
    const [status, challenge] = await page.evaluate(async address => {
      const answer = await fetch(address, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })
      // What the page leaves unread would never end for the record.
      await answer.text()
      return [answer.status, answer.headers.get('www-authenticate')]
    }, `${demo.gateway}/mcp`)
    assert.equal(status, 401)
    const [, metadata] = /resource_metadata="([^"]+)"/.exec(challenge)
    const { resource, authorization_servers: servers } = await (await fetch(metadata)).json()
    assert.deepEqual([resource, servers.length], [`${demo.gateway}/mcp`, 1])
  }))
