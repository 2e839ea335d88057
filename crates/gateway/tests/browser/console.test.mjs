// The console in the distribution's Chromium: sign-in, accounts, calls, explanations, and a provider's markup shown as text.
import assert from 'node:assert/strict'
import test from 'node:test'
import { assertNoSecrets, consent, demo, faultOnce, launch, record, signIn } from './support.mjs'

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

    await assertNoSecrets(page, everything)
  }))

test('a refusal comes with its remedy, and Connect leads back to the call', () =>
  asPerson('ana', async (page, everything) => {
    await call(page, 'github', '/user')
    await page.locator('#outcome').filter({ hasText: 'account-not-connected' }).waitFor()
    assert.ok((await page.locator('#remedy').textContent()).length > 10)
    await page.getByRole('button', { name: 'Connect', exact: true }).click()
    await consent(page, 'GitHub', 'Allow', demo.console)
    await page.locator('#message').filter({ hasText: 'Connected' }).waitFor()
    assert.equal(await page.getByRole('combobox', { name: 'Provider' }).inputValue(), 'github')
    await page.locator('#body').filter({ hasText: '"login": "ana"' }).waitFor()
    await page.getByRole('row').filter({ hasText: 'github' }).filter({ hasText: 'works' }).waitFor()
    await assertNoSecrets(page, everything)
  }))

test('a provider that is not connected is connected from the list', () =>
  asPerson('ana', async page => {
    const facebook = page.getByRole('row').filter({ hasText: 'facebook' })
    assert.match(await facebook.textContent(), /not connected/)
    await facebook.getByRole('button', { name: 'Connect facebook' }).click()
    await consent(page, 'Facebook', 'Deny', demo.console)
    await page.getByRole('alert').filter({ hasText: 'Nothing was connected' }).waitFor()
    await page.getByRole('row').filter({ hasText: 'facebook' }).filter({ hasText: 'not connected' }).waitFor()
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
