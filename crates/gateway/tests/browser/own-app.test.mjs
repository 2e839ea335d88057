// An app of one's own at localhost, as docs/examples/README.md tells to make one: the files of the single-page app on a web
// server that is not the demo's, with the demo's settings.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import test from 'node:test'
import { assertNoSecrets, consent, demo, launch, record, signIn } from './support.mjs'

const ORIGIN = process.env.APP_ORIGIN
const FOLDER = new URL('../../../../docs/examples/spa/', import.meta.url)
const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', json: 'application/json' }

const fromDemo = async path => Buffer.from(await (await fetch(`${demo.app}/${path}`)).arrayBuffer())

async function serve() {
  const copied = { '/config.json': await fromDemo('config.json'), '/auth0-spa-js.js': await fromDemo('auth0-spa-js.js') }
  for (const name of ['index.html', 'app.js', 'app.css']) copied[`/${name}`] = await readFile(new URL(name, FOLDER))
  const server = http.createServer((request, response) => {
    const path = new URL(request.url, ORIGIN).pathname.replace(/^\/$/, '/index.html')
    const body = copied[path]
    response.writeHead(body ? 200 : 404, { 'content-type': TYPES[path.split('.').pop()] ?? 'text/plain' })
    response.end(body)
  })
  await new Promise(done => server.listen(new URL(ORIGIN).port, '127.0.0.1', done))
  return server
}

test('an app at localhost stays signed in, connects an account, and comes back', async () => {
  const server = await serve()
  const browser = await launch()
  try {
    const page = await (await browser.newContext()).newPage()
    const everything = record(page)
    await signIn(page, `${ORIGIN}/`, 'cleo')
    await page.reload()
    await page.getByText('Signed in as').waitFor()
    await page.getByLabel('Provider').selectOption('github')
    await page.getByLabel('Path').fill('/user')
    await page.getByRole('button', { name: 'Call', exact: true }).click()
    await page.locator('#message').filter({ hasText: 'no longer accepts the access' }).waitFor()
    await page.getByRole('button', { name: 'Connect' }).click()
    await page.getByRole('heading', { name: 'Connect GitHub' }).waitFor()
    assert.ok(page.url().startsWith(`${demo.gateway}/connect/github?ticket=`), page.url())
    await page.getByRole('button', { name: 'Continue to GitHub' }).click()
    await consent(page, 'GitHub', 'Allow', ORIGIN)
    await page.locator('#message').filter({ hasText: 'Connected. It works (200)' }).waitFor()
    await assertNoSecrets(page, everything)
  } finally {
    await browser.close()
    server.close()
  }
})
