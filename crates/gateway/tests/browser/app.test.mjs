// The example single-page app in the distribution's Chromium: sign-in at the tenant, a call of the gateway from another
// origin, and a search of everything the browser saw for secrets it must never see.
import assert from 'node:assert/strict'
import http from 'node:http'
import test from 'node:test'
import { assertNoSecrets, consent, demo, launch, record, signIn } from './support.mjs'

const asUser = async (name, check) => {
  const browser = await launch()
  try {
    const page = await (await browser.newContext()).newPage()
    const everything = record(page)
    await signIn(page, demo.app, name)
    await check(page)
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
  }
}

async function call(page, provider, path) {
  await page.getByLabel('Provider').selectOption(provider)
  await page.getByLabel('Path').fill(path)
  await page.getByRole('button', { name: 'Call', exact: true }).click()
}

const says = (page, words) => page.locator('#message').filter({ hasText: words }).waitFor()
const body = async page => JSON.parse(await page.locator('#body').textContent())

test('an app signs in and calls providers', () =>
  asUser('ben', async page => {
    await call(page, 'github', '/user')
    await says(page, 'It works (200)')
    assert.equal((await body(page)).login, 'ben')
    await call(page, 'google', '/oauth2/v3/userinfo')
    await page.locator('#body').filter({ hasText: '"sub"' }).waitFor()
    await says(page, 'It works (200)')
  }))

test('a revoked account is connected again, and the call is repeated', () =>
  asUser('cleo', async page => {
    await call(page, 'github', '/user')
    await says(page, 'no longer accepts the access')
    await page.getByRole('button', { name: 'Connect' }).click()
    await consent(page, 'GitHub', 'Allow', demo.app)
    await says(page, 'Connected. It works (200)')
    assert.equal(await page.getByLabel('Provider').inputValue(), 'github')
    assert.equal(await page.getByLabel('Path').inputValue(), '/user')
    assert.equal((await body(page)).login, 'cleo')
    assert.match(await page.locator('#code').textContent(), /fetch\('[^']+\/proxy\/github\/user'/)
  }))

test('a missing scope is named and asked for, and the call is repeated', () =>
  asUser('dana', async page => {
    await call(page, 'google', '/calendar/v3/users/me/calendarList')
    await says(page, 'You have not agreed to this yet: https://www.googleapis.com/auth/calendar.calendarlist.readonly.')
    await page.getByRole('button', { name: 'Connect' }).click()
    await page.getByText('https://www.googleapis.com/auth/calendar').first().waitFor()
    await consent(page, 'Google', 'Allow', demo.app)
    await says(page, 'Connected. It works (200)')
    assert.ok((await body(page)).items.length > 0)
  }))

test('one of two accounts is chosen', () =>
  asUser('dana', async page => {
    await call(page, 'bitbucket', '/2.0/user')
    await says(page, 'You have several accounts at this provider')
    await page.getByRole('button', { name: /Use bitbucket\|.*b05/ }).click()
    await says(page, 'It works (200)')
    assert.equal((await body(page)).username, 'dana-work')
    assert.match(await page.locator('#code').textContent(), /'Idp-Account': 'bitbucket\|\{[0-9a-f-]+b05\}'/)
  }))

test('an account is connected to Token Vault, and the call is repeated', () =>
  asUser('ana', async page => {
    await call(page, 'microsoft', '/v1.0/me')
    await says(page, 'You have not connected an account at Microsoft')
    // `connectAccountWithRedirect` of auth0-spa-js, as it is, speaks to the sandbox's My Account API.
    const calls = ['connect', 'complete'].map(name =>
      page.waitForResponse(answer => answer.url().endsWith(`/me/v1/connected-accounts/${name}`) && answer.request().method() === 'POST'))
    await page.getByRole('button', { name: 'Connect' }).click()
    await consent(page, 'Microsoft', 'Allow', demo.app)
    await says(page, 'Connected. It works (200)')
    assert.deepEqual((await Promise.all(calls)).map(answer => answer.status()), [201, 201])
    assert.match((await body(page)).userPrincipalName, /^ana/)
  }))

test('a denial is told, and the form keeps the call', () =>
  asUser('ana', async page => {
    await call(page, 'facebook', '/v22.0/me')
    await says(page, 'You have not connected an account at Facebook')
    await page.getByRole('button', { name: 'Connect' }).click()
    await consent(page, 'Facebook', 'Deny', demo.app)
    await says(page, 'Nothing was connected')
    for (const part of ['#body', '#code', 'h2', '.small']) assert.equal(await page.locator(part).isVisible(), false, part)
    assert.equal(await page.getByLabel('Provider').inputValue(), 'facebook')
    assert.equal(await page.getByLabel('Path').inputValue(), '/v22.0/me')
    assert.equal(await page.getByRole('button', { name: 'Sign out' }).isVisible(), true)
  }))

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
