// The console in the distribution's Chromium: sign-in, accounts, calls, explanations, and a provider's markup shown as text.
import assert from 'node:assert/strict'
import test from 'node:test'
import { demo, faultOnce, launch, record, signIn } from './support.mjs'

const asPerson = async (name, check) => {
  const browser = await launch()
  try {
    const context = await browser.newContext()
    const page = await context.newPage()
    const refused = []
    page.on('console', message => { if (/Content Security Policy/.test(message.text())) refused.push(message.text()) })
    const everything = record(page)
    await signIn(page, demo.console, name)
    await page.getByRole('heading', { name: 'Your accounts' }).waitFor()
    await check(page, everything)
    assert.deepEqual(refused, [], 'the policy fits the page')
  } finally {
    await browser.close()
  }
}

async function call(page, provider, path) {
  await page.getByRole('combobox', { name: 'Provider' }).selectOption(provider)
  await page.getByRole('textbox', { name: 'Path' }).fill(path)
  const answered = page.waitForResponse(response => response.url().includes('/proxy/'))
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await answered
  await page.locator('#answer').waitFor()
}

test('a person sees their accounts, calls a provider, asks why, and never meets a secret', () =>
  asPerson('ben', async (page, everything) => {
    const github = page.getByRole('row').filter({ hasText: 'github|583232' })
    await github.waitFor()
    assert.match(await github.textContent(), /identities/)

    await github.getByRole('button', { name: 'Profile' }).click()
    await page.locator('#body').filter({ hasText: 'preferred_username' }).waitFor()

    await call(page, 'github', '/user')
    await page.locator('#body').filter({ hasText: '"login": "ben"' }).waitFor()
    assert.equal(await page.locator('#status').textContent(), '200')
    assert.equal(await page.locator('#outcome').textContent(), 'ok')

    await page.getByRole('button', { name: 'Explain' }).click()
    await page.locator('#explanation').filter({ hasText: '"account": "github|583232"' }).waitFor()

    const kept = await page.evaluate(() => JSON.stringify([
      { ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML
    ]))
    const seen = await everything() + kept
    assert.ok(demo.secrets.length > 5, 'there are secrets to look for')
    for (const secret of demo.secrets) assert.ok(!seen.includes(secret), 'a secret reached the browser')
  }))

test('a refusal comes with its remedy and the way to connect', () =>
  asPerson('ana', async page => {
    await call(page, 'github', '/user')
    await page.locator('#outcome').filter({ hasText: 'account-not-connected' }).waitFor()
    assert.ok((await page.locator('#remedy').textContent()).length > 10)
    const asked = page.waitForRequest(request => request.url().startsWith(`${demo.tenant.base_url}/authorize`))
    await page.getByRole('button', { name: 'Connect', exact: true }).click()
    const authorize = await asked
    assert.equal(new URL(authorize.url()).searchParams.get('connection'), 'github')
  }))

test('markup of a provider is text', () =>
  asPerson('ben', async page => {
    await faultOnce('github', {
      path: '/user', status: 200, headers: { 'content-type': 'text/html' },
      body: '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    })
    await call(page, 'github', '/user')
    await page.locator('#body').filter({ hasText: 'onerror' }).waitFor()
    assert.equal(await page.locator('#body img, #body script').count(), 0)
    assert.equal(await page.title(), 'idp-gateway console')
  }))

test('a reload keeps the person, a sign-out ends it', () =>
  asPerson('ben', async page => {
    await page.reload()
    await page.getByText(/Signed in as/).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('Not signed in').waitFor()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  }))
