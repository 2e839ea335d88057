// The console in the distribution's Chromium: accounts, calls, refusals and what resolves them, explanations, and a provider's
// markup shown as text.
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
    page.on('pageerror', error => refused.push(error.stack))
    const everything = record(page)
    await signIn(page, demo.console, name)
    await page.getByRole('heading', { name: 'Your accounts' }).waitFor()
    await check(page, everything)
    assert.deepEqual(refused, [], 'no error of a script, and the policy fits the page')
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
  }
}

async function call(page, provider, path) {
  await page.getByRole('combobox', { name: 'Provider' }).selectOption({ value: provider })
  await page.getByRole('combobox', { name: 'Path' }).fill(path)
  const answered = page.waitForResponse(response => response.url().includes('/proxy/'))
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await answered
  await page.locator('#answer[aria-busy=false]').waitFor()
}

const account = (page, name) => page.getByRole('listitem', { name })
const says = (page, words) => page.locator('#message').filter({ hasText: words }).waitFor()
const shows = (page, id, words) => page.locator(id).filter({ hasText: words }).waitFor()

test('a person sees their accounts, calls a provider, asks why, and gets the code', () =>
  asPerson('ben', async page => {
    const github = account(page, 'GitHub github|583232')
    await github.filter({ hasText: 'not tried yet' }).waitFor()
    assert.match(await github.textContent(), /Source: identities/)

    await page.getByRole('button', { name: 'Profile github|583232' }).click()
    await shows(page, '#body', 'preferred_username')

    await call(page, 'github', '/user')
    await shows(page, '#body', '"login": "ben"')
    assert.equal(await page.locator('#status').textContent(), '200')
    assert.equal(await page.locator('#outcome').textContent(), 'ok')
    await github.filter({ hasText: 'works' }).waitFor()

    await page.getByRole('tab', { name: 'Body' }).press('ArrowRight')
    await shows(page, '#headers-list', 'x-request-id')
    await page.getByRole('tab', { name: 'Explain' }).click()
    for (const step of ['your access token was accepted', 'allowed by', 'github|583232, from', '200, ok']) {
      await shows(page, '#explanation', step)
    }
    await shows(page, '#audit-lines', '"event": "call"')
    assert.match(await page.locator('#audit-lines').textContent(), /"account": "github\|583232"[^]*"decision": "allow"/)
    await page.getByRole('tab', { name: 'Code' }).click()
    for (const [language, words] of [['curl', 'curl -i'], ['fetch', 'await fetch('], ['Octokit', 'octokit.request'], ['Rust', 'reqwest']]) {
      await page.getByLabel('Language').selectOption(language)
      const code = await page.locator('#code').textContent()
      assert.ok(code.includes(words) && code.includes(`${demo.gateway}/proxy/github`), code)
    }
    await page.getByRole('button', { name: 'Fill in GET github/user' }).waitFor()
  }))

test('"Try it" in the description of the API fills the form, before and after the sign-in', async () => {
  const browser = await launch()
  try {
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${demo.gateway}/docs`)
    await page.getByRole('link', { name: 'Try it: GET /v1/me/{provider}/profile' }).click()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(url => url.href.startsWith(demo.tenant.base_url))
    await page.getByRole('button', { name: /^ben/i }).click()
    const path = page.getByRole('combobox', { name: 'Path' })
    const method = page.getByRole('combobox', { name: 'Method' })
    await page.waitForFunction(() => document.getElementById('path').value.startsWith('/v1/me/'))
    assert.equal(await page.getByRole('combobox', { name: 'Provider' }).inputValue(), '')
    assert.match(await path.inputValue(), /^\/v1\/me\/[a-z]+\/profile$/)
    assert.equal(await page.locator('#answer').isVisible(), false, 'the person makes the call')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await shows(page, '#body', 'preferred_username')

    await page.goto(`${demo.gateway}/docs`)
    await page.getByRole('link', { name: 'Try it: POST /v1/check' }).click()
    await page.waitForFunction(() => document.getElementById('path').value === '/v1/check')
    assert.equal(await method.inputValue(), 'POST')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await shows(page, '#body', '"allowed": true')

    await page.goto(`${demo.gateway}/docs`)
    await page.getByRole('link', { name: 'Try it: PUT /proxy/{provider}/{path}' }).click()
    await page.waitForFunction(() => document.getElementById('method').value === 'PUT')
    assert.ok((await page.getByRole('combobox', { name: 'Provider' }).inputValue()).length > 0)

    await page.goto(`${demo.gateway}/docs`)
    await page.getByRole('link', { name: 'Try it: GET /v1/explain/{request-id}' }).click()
    await page.waitForFunction(() => document.getElementById('path').value.startsWith('/v1/explain/'))
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await page.getByRole('alert').filter({ hasText: 'Write a value for {request-id}' }).waitFor()
  } finally {
    await browser.close()
  }
})

test('the paths to try come from the tables of the adapters, and one call fills the form', () =>
  asPerson('ben', async page => {
    const { providers } = await (await fetch(`${demo.console}config.json`)).json()
    for (const { name, calls } of providers) {
      await page.getByRole('combobox', { name: 'Provider' }).selectOption({ value: name })
      const options = await page.locator('#paths option').evaluateAll(all => all.map(option => option.value))
      assert.deepEqual(options, calls.length ? calls.map(call => call.path) : ['/'], name)
    }
    await page.getByRole('combobox', { name: 'Provider' }).selectOption({ value: 'github' })
    await page.getByRole('button', { name: '/user/emails', exact: true }).click()
    assert.equal(await page.getByRole('combobox', { name: 'Path' }).inputValue(), '/user/emails')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await shows(page, '#body', '"email"')
  }))

test('links of an answer lead back to the gateway and fill the form', () =>
  asPerson('ben', async page => {
    await call(page, 'microsoft', '/v1.0/me/messages?$top=1')
    const next = page.locator('#body a[href="#path"]').first()
    await next.click()
    const path = await page.getByRole('combobox', { name: 'Path' }).inputValue()
    assert.match(path, /^\/v1\.0\/me\/messages\?.*skip/)
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await says(page, 'The call works')
  }))

test('a refusal has one sentence and one button, and Connect leads back to the call', () =>
  asPerson('ana', async page => {
    await call(page, 'github', '/user')
    await says(page, 'You have not connected an account at GitHub.')
    await shows(page, '#outcome', 'account-not-connected')
    assert.ok((await page.locator('#remedy').textContent()).length > 10)
    await page.getByRole('tab', { name: 'Explain' }).click()
    await shows(page, '#explanation', 'not called')
    await page.getByRole('button', { name: 'Connect GitHub', exact: true }).click()
    await consent(page, 'GitHub', 'Allow', demo.console)
    await says(page, 'Connected: the call works.')
    assert.equal(await page.getByRole('combobox', { name: 'Provider' }).inputValue(), 'github')
    await shows(page, '#body', '"login": "ana"')
    await account(page, /^GitHub/).filter({ hasText: 'works' }).waitFor()
  }))

test('Explain says what refuses a call', () =>
  asPerson('ben', async page => {
    await call(page, 'github', '/user')
    const github = account(page, 'GitHub github|583232')
    await github.filter({ hasText: 'works' }).waitFor()
    await call(page, 'github', '/applications/x')
    await says(page, 'The rules of this gateway do not allow this call.')
    await page.waitForFunction(() => document.getElementById('accounts').getAttribute('aria-busy') === 'false')
    assert.match(await github.textContent(), /works/, 'a call that the gateway refused says nothing about the account')
    await page.getByRole('tab', { name: 'Explain' }).click()
    await shows(page, '#explanation', 'refused by the deny list, which holds at every access level')
    await shows(page, '#audit-lines', '"rule": "deny-list"')
  }))

test('a provider that is not connected is connected from the list', () =>
  asPerson('ana', async page => {
    const facebook = account(page, 'Facebook')
    await facebook.filter({ hasText: 'not connected' }).waitFor()
    await facebook.getByRole('button', { name: 'Connect an account at Facebook' }).click()
    await consent(page, 'Facebook', 'Deny', demo.console)
    await page.getByRole('alert').filter({ hasText: 'Nothing was connected' }).waitFor()
    await account(page, 'Facebook').filter({ hasText: 'not connected' }).waitFor()
  }))

test('one of two accounts is chosen', () =>
  asPerson('dana', async page => {
    await call(page, 'bitbucket', '/2.0/user')
    await says(page, 'You have several accounts at Bitbucket. Choose one.')
    await page.getByRole('button', { name: /^Use bitbucket\|.*b05\}$/ }).last().click()
    await shows(page, '#body', '"username": "dana-work"')
    await account(page, /b05/).filter({ hasText: 'works' }).waitFor()
  }))

test('a person switches faults on and watches what the gateway does about them', () =>
  asPerson('cleo', async page => {
    const profile = '/oauth2/v3/userinfo'
    await page.getByRole('combobox', { name: 'Provider' }).selectOption({ value: 'google' })
    await page.getByRole('button', { name: 'Revoke the access' }).click()
    await shows(page, '#fault-state', 'is revoked')
    await call(page, 'google', profile)
    await says(page, 'Google no longer accepts the access')
    await account(page, /^Google/).filter({ hasText: 'reconnect needed' }).waitFor()
    await page.getByRole('button', { name: 'Connect Google', exact: true }).click()
    await consent(page, 'Google', 'Allow', demo.console)
    await says(page, 'Connected: the call works.')
    await account(page, /^Google/).filter({ hasText: 'works' }).waitFor()

    await page.getByRole('switch', { name: 'Too many calls' }).check()
    await shows(page, '#fault-state', 'answers every call with its rate limit')
    await call(page, 'google', profile)
    await says(page, 'Google has received too many calls.')
    await page.getByRole('button', { name: /Repeat in/ }).waitFor()
    const limited = account(page, /^Google/).filter({ hasText: 'too many calls' })
    await limited.waitFor()
    assert.equal(await limited.getByRole('button', { name: /^Connect/ }).count(), 0, 'connecting again does not help')
    await page.getByRole('switch', { name: 'Too many calls' }).uncheck()
    await shows(page, '#fault-state', 'works again')
    await page.getByRole('button', { name: 'Repeat the call' }).click()
    await says(page, 'The call works')

    await page.getByRole('switch', { name: 'Outage' }).check()
    await shows(page, '#fault-state', 'accepts no connections')
    await call(page, 'google', profile)
    await says(page, 'Google cannot be reached.')
    assert.doesNotMatch(await page.locator('#body').textContent(), /Brandt/, 'the earlier answer is gone')
    await page.getByRole('switch', { name: 'Outage' }).uncheck()
    await shows(page, '#fault-state', 'works again')

    await page.getByRole('button', { name: 'Expire the access token' }).click()
    await shows(page, '#fault-state', 'has expired')
    await page.getByRole('button', { name: "Change the tenant's key" }).click()
    await shows(page, '#fault-state', 'another key')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await says(page, 'The call works')
    await page.getByRole('tab', { name: 'Explain' }).click()
    await shows(page, '#explanation', '401')
  }))

test('the form begins with a connected provider, and the policy is asked without a call', () =>
  asPerson('cleo', async page => {
    await account(page, 'GitHub github|583233').waitFor()
    await page.waitForFunction(() => document.getElementById('path').value !== '')
    assert.equal(await page.getByRole('combobox', { name: 'Provider' }).inputValue(), 'github')
    const check = page.getByRole('button', { name: 'Check the policy only' })
    await check.click()
    await says(page, 'The policy allows this call. It was not made.')
    assert.match(await page.locator('#time').textContent(), /^[1-9]\d* ms$/)
    await page.getByRole('combobox', { name: 'Path' }).fill('/applications/x')
    await check.click()
    await says(page, 'This call would be refused: policy-denied. It was not made.')
    await page.route('**/v1/check', route => route.abort())
    await check.click()
    await says(page, 'No answer came')
    assert.equal(await page.locator('#body').textContent(), '')
  }))

test('a missing scope is named by what Connect asks for, not by its alternatives', () =>
  asPerson('cleo', async page => {
    await call(page, 'google', '/calendar/v3/users/me/calendarList')
    await says(page, /^You have not agreed to this yet: https:\/\/www\.googleapis\.com\/auth\/calendar\.calendarlist\.readonly\.$/)
    await account(page, /^Google/).filter({ hasText: 'scope missing' }).waitFor()
    await page.getByRole('button', { name: 'Connect Google', exact: true }).waitFor()
  }))

test('a failed call never leaves the earlier answer', () =>
  asPerson('ben', async page => {
    await call(page, 'github', '/user')
    await shows(page, '#body', '"login": "ben"')
    await page.route('**/proxy/**', route => route.abort())
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await says(page, 'No answer came')
    assert.equal(await page.locator('#body').textContent(), '')
    assert.equal(await page.locator('#status').textContent(), '')
  }))

test('markup of a provider is text, and a picture is shown', () =>
  asPerson('ben', async page => {
    await faultOnce('github', {
      path: '/user', status: 200, headers: { 'content-type': 'text/html' },
      body: '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    })
    await call(page, 'github', '/user')
    await shows(page, '#body', 'onerror')
    assert.equal(await page.locator('#body img, #body script').count(), 0)
    assert.equal(await page.title(), 'idp-gateway console')
    await page.route('**/proxy/github/picture', route => route.fulfill({
      status: 200, headers: { 'content-type': 'image/png', 'idp-outcome': 'ok' },
      body: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==', 'base64')
    }))
    await call(page, 'github', '/picture')
    await page.getByRole('img', { name: 'The picture that the provider sent' }).waitFor()
  }))

test("nothing in a provider's answer is followed, whatever it says", async () => {
  const { isOwn } = await import('../../assets/console/answer.js')
  for (const outcome of ['', 'ok', 'provider-scope-missing', 'provider-rejected', 'provider-denied']) {
    assert.equal(isOwn(outcome, false), false, outcome)
  }
  // Problems in the provider's place were asked for.
  for (const [outcome, problems] of [['provider-scope-missing', true], ['reconnect-required', false], ['account-not-connected', false]]) {
    assert.equal(isOwn(outcome, problems), true, outcome)
  }
})

test('a reload keeps the person, a sign-out ends it', () =>
  asPerson('ben', async page => {
    await call(page, 'github', '/user')
    await account(page, 'GitHub github|583232').filter({ hasText: 'works' }).waitFor()
    await page.reload()
    await page.getByText(/Signed in as/).waitFor()
    await account(page, 'GitHub github|583232').filter({ hasText: 'works' }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('Not signed in').waitFor()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  }))

test('each refusal has a sentence and a button', async () => {
  const source = name => fetch(`${demo.console}${name}`).then(answer => answer.text())
  const codes = (await (await fetch(`${demo.gateway}/openapi.json`)).json()).components.schemas.Code.enum
  const refusals = await source('refusals.js')
  const named = [...refusals.matchAll(/^  '?([a-z-]+)'?: \[[A-Z_]+, ['"]/gm)].map(match => match[1])
  assert.deepEqual(named.sort(), codes.filter(code => code !== 'ok').sort())
})

// The last one: the others call GitHub for this person.
test('an access that is revoked between two calls is offered to be connected again', () =>
  asPerson('ben', async page => {
    await call(page, 'github', '/user')
    await says(page, 'The call works')
    await page.getByRole('button', { name: 'Revoke the access' }).click()
    await shows(page, '#fault-state', 'is revoked')
    await call(page, 'github', '/user')
    await says(page, 'If you have revoked the access, connect your account again.')
    await page.getByRole('button', { name: 'Connect GitHub', exact: true }).waitFor()
  }))
