// The console of a demo with TLS: pages of the tenant and of the gateway have different schemes, so the silent check of the
// session fails, as it does in browsers that block cookies of third parties.
import assert from 'node:assert/strict'
import test from 'node:test'
import { assertNoSecrets, consent, demo, launch, record, signIn } from './support.mjs'

test('an account is connected from the console, and the call is repeated', async () => {
  const browser = await launch()
  try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage()
    const everything = record(page)
    await signIn(page, demo.console, 'cleo')
    assert.ok(demo.console.startsWith('https://'))
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await page.locator('#message').filter({ hasText: 'GitHub no longer accepts the access' }).waitFor()
    await page.getByRole('button', { name: 'Connect GitHub', exact: true }).click()
    await page.getByRole('button', { name: 'Continue to GitHub' }).click()
    await consent(page, 'GitHub', 'Allow', demo.console)
    await page.locator('#message').filter({ hasText: 'Connected: the call works.' }).waitFor()
    await page.locator('#state').filter({ hasText: 'Signed in as Cleo' }).waitFor()
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
  }
})
