// Hosted connect in the distribution's Chromium: the pages, the button, both kinds of connection, a denial, and links in the
// wrong hands.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { assertNoSecrets, consent, demo, launch, record, signIn } from './support.mjs'

const axe = readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

// `framed`: the browser says that a page's policy does not let it stand in a frame.
const inBrowser = async (check, { framed = false } = {}) => {
  const browser = await launch()
  try {
    const context = await browser.newContext()
    const page = await context.newPage()
    const everything = record(page)
    const said = []
    page.on('console', message => said.push(message.text()))
    await check(page, context)
    const broken = said.filter(text => /Content Security Policy|Refused to/.test(text))
    if (framed) assert.ok(broken.length > 0 && broken.every(text => /frame-ancestors 'none'/.test(text)), said.join('\n'))
    else assert.deepEqual(broken, [])
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
  }
}

// No rule of axe is broken. It is evaluated by the driver, which the page's policy does not bind.
async function accessible(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(node => node.html)]), [])
}

async function link(user, provider, body = {}) {
  const response = await fetch(`${demo.gateway}/v1/me/${provider}/connect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${demo.users[user].token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
  assert.equal(response.status, 201, await response.clone().text())
  return (await response.json()).connect_url
}

const heading = (page, name) => page.getByRole('heading', { name }).waitFor()
const go = (page, provider) => page.getByRole('button', { name: `Continue to ${provider}` }).click()

async function choose(page, name) {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.getByRole('button', { name: new RegExp(`^${name}`, 'i') }).click()
}

test('a dead account is connected again, and the call is repeated', () =>
  inBrowser(async page => {
    await signIn(page, demo.app, 'cleo')
    await page.getByLabel('Provider').selectOption('github')
    await page.getByLabel('Path').fill('/user')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await page.locator('#message').filter({ hasText: 'no longer accepts the access' }).waitFor()
    await page.getByRole('button', { name: 'Connect' }).click()
    await heading(page, 'Connect GitHub')
    assert.ok(page.url().startsWith(`${demo.gateway}/connect/github?ticket=`))
    await accessible(page)
    await go(page, 'GitHub')
    await consent(page, 'GitHub', 'Allow', demo.app)
    await page.locator('#message').filter({ hasText: 'Connected. It works (200)' }).waitFor()
  }))

test('an account is connected to Token Vault from a link alone', () =>
  inBrowser(async page => {
    await page.goto(await link('ana', 'microsoft', { scopes: ['User.Read'] }))
    await page.getByText('User.Read').waitFor()
    await go(page, 'Microsoft')
    await choose(page, 'ana')
    await page.getByRole('heading', { name: 'Connect Microsoft' }).waitFor()
    await page.getByRole('button', { name: 'Allow' }).click()
    await heading(page, 'The account is connected')
    await accessible(page)
    const headers = { authorization: `Bearer ${demo.users.ana.token}` }
    assert.equal((await fetch(`${demo.gateway}/proxy/microsoft/v1.0/me`, { headers })).status, 200)
  }))

test('a denial is told, at the app and at a page', () =>
  inBrowser(async page => {
    await page.goto(await link('dana', 'google', { return_to: `${demo.app}/` }))
    await go(page, 'Google')
    await choose(page, 'dana')
    await page.getByRole('button', { name: 'Deny' }).click()
    await page.waitForURL(url => url.href.startsWith(demo.app))
    await page.goto(await link('dana', 'google'))
    await go(page, 'Google')
    await page.getByRole('button', { name: 'Deny' }).click()
    await heading(page, 'You did not agree')
  }))

test('a link in the wrong hands connects nothing, whoever signs in', () =>
  inBrowser(async (page, context) => {
    const sent = await link('cleo', 'bitbucket')
    await page.goto(sent)
    await go(page, 'Bitbucket')
    await choose(page, 'ben')
    await heading(page, 'This link was made for another user')
    await accessible(page)
    // Pressed again, the link is used up.
    await page.goto(sent)
    await go(page, 'Bitbucket')
    await heading(page, 'This link was used already')
    // The attacker's own link and session as far as the consent page, which then stands in the victim's browser.
    await context.clearCookies()
    await page.goto(await link('cleo', 'bitbucket'))
    await go(page, 'Bitbucket')
    await choose(page, 'cleo')
    await page.getByRole('heading', { name: 'Connect Bitbucket' }).waitFor()
    await context.clearCookies()
    await page.getByRole('button', { name: 'Allow' }).click()
    await heading(page, 'This browser did not start the connection')
  }))

test('the page does nothing in a frame', () =>
  inBrowser(async page => {
    await page.goto(demo.app)
    const framed = await page.evaluate(async address => {
      const frame = document.createElement('iframe')
      frame.src = address
      document.body.append(frame)
      await new Promise(done => { frame.onload = frame.onerror = done })
      try { return frame.contentDocument?.body?.innerText ?? 'closed' } catch { return 'closed' }
    }, await link('cleo', 'github'))
    assert.ok(!framed.includes('Continue'), framed)
  }, { framed: true }))
