// What the browser tests share: the demo that runs, a browser, a record of all that it sees.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chromium } from 'playwright-core'

export const demo = JSON.parse(process.env.DEMO)
const executablePath = execFileSync('which', [process.env.CHROMIUM ?? 'chromium'], { encoding: 'utf8' }).trim()

export const launch = () => chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync']
})

// Everything a page sent or received, headers and bodies, as one text.
export function record(page) {
  const seen = []
  const pending = []
  page.on('request', request => seen.push(request.url(), JSON.stringify(request.headers()), request.postData() ?? ''))
  page.on('response', response => {
    seen.push(JSON.stringify(response.headers()))
    pending.push(response.text().then(text => seen.push(text), () => {}))
  })
  page.on('console', message => seen.push(message.text()))
  return async () => {
    await Promise.all(pending)
    return seen.join('\n')
  }
}

export async function signIn(page, address, name) {
  await page.goto(address)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(url => url.href.startsWith(demo.tenant.base_url))
  await page.getByRole('button', { name: new RegExp(`^${name}`, 'i') }).click()
  await page.waitForURL(url => url.href.startsWith(address))
  await page.getByText(/Signed in as/).waitFor()
}

// What one of the sandbox's servers answers next, instead of its own answer.
export async function faultOnce(server, order) {
  const answer = await fetch(`${demo.faults}/${server}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order)
  })
  if (!answer.ok) throw new Error(`the fault was not taken: ${answer.status}`)
}

// `iat` counts whole seconds: a token from the second in which the gateway read the user does not count as newer.
// A person takes longer than that; here the clock's next second is awaited.
export const nextSecond = () => new Promise(done => setTimeout(done, 1000 - Date.now() % 1000))

// The provider's consent page, which the sandbox's tenant shows.
export async function consent(page, provider, decision, address) {
  await page.getByRole('heading', { name: `Connect ${provider}` }).waitFor()
  await nextSecond()
  await page.getByRole('button', { name: decision, exact: true }).click()
  await page.waitForURL(url => url.href.startsWith(address))
}

// Shapes of the providers' tokens, for those that are issued after the demo has printed its secrets.
const TOKENS = /\bya29\.[\w-]{20}|\bgh[opurs]_[A-Za-z0-9]{30}|\bEAA[A-Za-z0-9]{30}|\b1\/\/0g[\w-]{20}|\btok\/\w{20}/

// Searches everything that a page saw or keeps for secrets that it must never see.
export async function assertNoSecrets(page, everything) {
  const kept = await page.evaluate(() => JSON.stringify([
    { ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML
  ]))
  const seen = await everything() + kept + JSON.stringify(await page.context().cookies())
  assert.ok(demo.secrets.length > 5 && demo.secrets.some(secret => TOKENS.test(secret)), 'there are secrets to look for')
  for (const secret of demo.secrets) assert.ok(!seen.includes(secret), 'a secret reached the browser')
  assert.ok(!TOKENS.test(seen), 'a token of a provider reached the browser')
}
