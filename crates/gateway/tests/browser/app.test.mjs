// The example single-page app in the distribution's Chromium: sign-in at the tenant, a call of the gateway from another
// origin, and a search of everything the browser saw for secrets it must never see.
import assert from 'node:assert/strict'
import http from 'node:http'
import test from 'node:test'
import { demo, launch, record, signIn } from './support.mjs'

async function call(page, provider, path) {
  await page.getByLabel('Provider').selectOption(provider)
  await page.getByLabel('Path').fill(path)
  const answered = page.waitForResponse(response => response.url().startsWith(`${demo.gateway}/proxy/`) &&
    response.request().method() !== 'OPTIONS')
  await page.getByRole('button', { name: 'Call' }).click()
  await answered
  await page.waitForFunction(() => document.getElementById('body').textContent.length > 0)
  return {
    status: await page.locator('#status').textContent(),
    outcome: await page.locator('#outcome').textContent(),
    body: await page.locator('#body').textContent()
  }
}

test('an app signs in, calls a provider, and never sees a secret', async () => {
  const browser = await launch()
  try {
    const context = await browser.newContext()
    const page = await context.newPage()
    const everything = record(page)
    await signIn(page, demo.app, 'ben')

    const user = await call(page, 'github', '/user')
    assert.equal(user.status, '200')
    assert.equal(user.outcome, 'ok')
    assert.ok(JSON.parse(user.body).login)

    const google = await call(page, 'google', '/oauth2/v3/userinfo')
    assert.equal(google.status, '200')

    const storage = await page.evaluate(() => JSON.stringify([
      { ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML
    ]))
    const seen = await everything() + storage + JSON.stringify(await context.cookies())
    assert.ok(demo.secrets.length > 5, 'there are secrets to look for')
    for (const secret of demo.secrets) assert.ok(!seen.includes(secret), 'a secret reached the browser')
  } finally {
    await browser.close()
  }
})

test('a foreign origin is refused by CORS', async () => {
  const browser = await launch()
  const foreign = http.createServer((_, response) => response.end('<!doctype html><title>foreign</title>'))
  await new Promise(done => foreign.listen(0, '127.0.0.1', done))
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${foreign.address().port}/`)
    const result = await page.evaluate(async ([url, token]) => {
      try {
        const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
        return `answered ${response.status}`
      } catch (error) {
        return error.name
      }
    }, [`${demo.gateway}/proxy/github/user`, demo.users.ben.token])
    assert.equal(result, 'TypeError')
  } finally {
    foreign.close()
    await browser.close()
  }
})
