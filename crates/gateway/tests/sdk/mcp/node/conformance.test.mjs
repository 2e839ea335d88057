// The official conformance suite by each revision that is served. `not-offered.json` lists what it wants and this server does not
// offer; every other check passes. The suite knows no credentials, so a small proxy adds them. It needs a newer Node than
// distributions have, which npm brings along.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

const demo = JSON.parse(process.env.DEMO)
const gateway = new URL(demo.gateway)
const suite = 'node_modules/@modelcontextprotocol/conformance/dist/index.js'
const reasons = JSON.parse(readFileSync('not-offered.json', 'utf8'))
const notOffered = new Set(Object.values(reasons).flat())
const failed = new Set()

/** Passes everything on with Ben's token. What names the proxy names the gateway, and the page of an allowed origin. */
const proxy = http.createServer((request, response) => {
  const headers = { ...request.headers, authorization: `Bearer ${demo.users.ben.token}` }
  const own = `localhost:${proxy.address().port}`
  if (headers.host === own) headers.host = gateway.host
  if (headers.origin === `http://${own}`) headers.origin = demo.app
  const { method, url: path } = request
  const passed = http.request({ host: gateway.hostname, port: gateway.port, method, path, headers }, answer => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  passed.on('error', () => response.destroy())
  request.pipe(passed)
})

before(() => new Promise(listening => proxy.listen(0, '127.0.0.1', listening)))
after(() => proxy.close())

/** What each check of a revision came to. */
async function checks(revision) {
  const results = mkdtempSync(join(tmpdir(), 'mcp-conformance-'))
  const url = `http://localhost:${proxy.address().port}/mcp`
  const program = spawn('node_modules/.bin/node', [
    suite, 'server', '--url', url, '--suite', 'all', '--spec-version', revision, '--output-dir', results,
  ])
  program.stdout.resume()
  let said = ''
  program.stderr.on('data', part => (said += part))
  await new Promise(ended => program.on('close', ended))
  const files = readdirSync(results, { recursive: true }).filter(name => name.endsWith('checks.json'))
  assert.ok(files.length > 0, said.slice(-4000))
  return files.flatMap(name => JSON.parse(readFileSync(join(results, name), 'utf8')))
}

for (const [revision, least] of [['2025-06-18', 25], ['2025-11-25', 30], ['2026-07-28', 80]]) {
  test(`${revision}: what is offered passes`, async () => {
    const all = await checks(revision)
    const wrong = all.filter(check => check.status === 'FAILURE')
    for (const { id } of wrong) failed.add(id)
    const unexpected = wrong.filter(check => !notOffered.has(check.id))
    assert.deepEqual(unexpected.map(({ id, errorMessage }) => `${id}: ${errorMessage}`), [])
    const passed = all.filter(check => check.status === 'SUCCESS').length
    assert.ok(passed >= least, `${passed} checks passed`)
  })
}

test('the list names nothing that passes', () => {
  assert.deepEqual([...notOffered].filter(id => !failed.has(id)), [])
})
