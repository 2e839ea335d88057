// The example app and the console by the keyboard alone: every step is reached with Tab, and what has the focus is visible.
import assert from 'node:assert/strict'
import test from 'node:test'
import { demo, launch, nextSecond } from './support.mjs'

// Presses Tab until the element has the focus, which must be visible there.
async function reach(page, target, key = 'Tab', most = 60) {
  for (let step = 0; step < most; step += 1) {
    if (await target.evaluate(element => element === document.activeElement).catch(() => false)) {
      const outline = await target.evaluate(element => getComputedStyle(element).outlineStyle)
      assert.notEqual(outline, 'none', 'the focus is visible')
      return
    }
    await page.keyboard.press(key)
  }
  assert.fail(`Tab does not reach ${target}`)
}

async function press(page, target, key = 'Enter') {
  await target.waitFor()
  await reach(page, target)
  await page.keyboard.press(key)
}

const withKeys = async (address, name, check) => {
  const browser = await launch()
  try {
    const page = await browser.newPage()
    await page.goto(address)
    await press(page, page.getByRole('button', { name: 'Sign in' }))
    await page.waitForURL(url => url.href.startsWith(demo.tenant.base_url))
    await press(page, page.getByRole('button', { name: new RegExp(`^${name}`, 'i') }))
    await page.waitForURL(url => url.href.startsWith(address))
    await page.getByText(/Signed in as/).waitFor()
    await check(page)
  } finally {
    await browser.close()
  }
}

const says = (page, words) => page.locator('#message').filter({ hasText: words }).waitFor()

test('the app: sign in, call, connect a revoked account', () =>
  withKeys(demo.app, 'cleo', async page => {
    await press(page, page.getByRole('button', { name: 'Call', exact: true }))
    await says(page, 'no longer accepts the access')
    await press(page, page.getByRole('button', { name: 'Connect', exact: true }))
    await page.getByRole('heading', { name: 'Connect GitHub' }).waitFor()
    await nextSecond()
    await press(page, page.getByRole('button', { name: 'Allow', exact: true }))
    await page.waitForURL(url => url.href.startsWith(demo.app))
    await says(page, 'Connected. It works')
  }))

test('the console: skip to the call, choose a path, read each part of the answer, switch a fault', () =>
  withKeys(demo.console, 'ben', async page => {
    await page.getByRole('listitem', { name: 'GitHub github|583232' }).waitFor()
    await press(page, page.getByRole('link', { name: 'Skip to the call' }))
    const path = page.getByRole('combobox', { name: 'Path' })
    await reach(page, path, 'Tab', 1)
    await page.keyboard.press('Control+A')
    await page.keyboard.type('/v1.0/me')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('M')
    assert.equal(await page.getByRole('combobox', { name: 'Provider' }).inputValue(), 'microsoft')
    await press(page, page.getByRole('button', { name: 'Call', exact: true }))
    await says(page, 'The call works')
    await reach(page, page.getByRole('tab', { name: 'Body' }))
    for (const name of ['Headers', 'Explain', 'Code']) {
      await page.keyboard.press('ArrowRight')
      const tab = page.getByRole('tab', { name })
      assert.equal(await tab.getAttribute('aria-selected'), 'true')
      await page.getByRole('tabpanel', { name }).waitFor()
    }
    await page.keyboard.press('Home')
    const limit = page.getByRole('switch', { name: 'Too many calls' })
    await reach(page, limit, 'Shift+Tab')
    await page.keyboard.press('Space')
    await page.locator('#fault-state').filter({ hasText: 'Microsoft answers every call with its rate limit' }).waitFor()
    await page.keyboard.press('Space')
    await page.locator('#fault-state').filter({ hasText: 'Microsoft works again' }).waitFor()
  }))
