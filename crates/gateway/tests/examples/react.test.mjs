// The React app in the distribution's Chromium. It has an origin of its own, which the demo allows.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import test from 'node:test'
import { assertNoSecrets, consent, launch, record, signIn } from '../browser/support.mjs'
import { demo } from './support.mjs'

const file = name => readFileSync(new URL(name, import.meta.url), 'utf8')

// The app's own origin, which the demo was started with.
const origin = process.env.APP_ORIGIN

async function serve() {
  const config = await (await fetch(`${demo.app}/config.json`)).text()
  const files = {
    '/': ['text/html', file('../../../../docs/examples/react/index.html')],
    '/dist/main.js': ['text/javascript', file('dist/react.js')],
    '/config.json': ['application/json', config]
  }
  const server = http.createServer((request, response) => {
    const [kind, body] = files[new URL(request.url, origin).pathname] ?? []
    response.writeHead(body ? 200 : 404, { 'content-type': kind ?? 'text/plain' }).end(body)
  })
  await new Promise(done => server.listen(new URL(origin).port, '127.0.0.1', done))
  return server
}

test('the React app connects an account, and chooses one of two', async () => {
  const server = await serve()
  const browser = await launch()
  try {
    const page = await (await browser.newContext()).newPage()
    const everything = record(page)
    const status = words => page.getByRole('status').filter({ hasText: words }).waitFor()
    await signIn(page, `${origin}/`, 'dana')
    await page.getByRole('button', { name: 'My Bitbucket profile' }).click()
    await status('You have several accounts')
    await page.getByRole('button', { name: /Use bitbucket\|.*b04/ }).click()
    await status('It works.')
    assert.equal(JSON.parse(await page.locator('pre').textContent()).username, 'dana')
    await page.getByRole('button', { name: 'My GitHub profile' }).click()
    await status('You have to connect your account')
    await page.getByRole('button', { name: 'Connect' }).click()
    await consent(page, 'GitHub', 'Allow', `${origin}/`)
    await status('Connected. It works.')
    assert.equal(JSON.parse(await page.locator('pre').textContent()).login, 'dana')
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
    server.close()
  }
})
