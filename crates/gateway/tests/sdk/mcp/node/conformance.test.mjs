// The official conformance suite, for what this server offers; `not-offered.yml` names the rest. The suite knows no credentials, so a
// small proxy adds them. It needs a newer Node than distributions have, which npm brings along.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const demo = JSON.parse(process.env.DEMO)
const gateway = new URL(demo.gateway)
const suite = 'node_modules/@modelcontextprotocol/conformance/dist/index.js'

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

test('the conformance suite passes for what is offered', async t => {
  await new Promise(listening => proxy.listen(0, '127.0.0.1', listening))
  t.after(() => proxy.close())
  const url = `http://localhost:${proxy.address().port}/mcp`
  const results = mkdtempSync(join(tmpdir(), 'mcp-conformance-'))
  const program = spawn('node_modules/.bin/node', [
    suite, 'server', '--url', url, '--suite', 'all', '--expected-failures', 'not-offered.yml', '--output-dir', results,
  ])
  let said = ''
  program.stdout.on('data', part => (said += part))
  program.stderr.on('data', part => (said += part))
  const code = await new Promise(ended => program.on('close', ended))
  assert.equal(code, 0, said.slice(-4000))
})
