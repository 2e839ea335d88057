// Deliveries of a gateway, verified by the specification's own library.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { as, demo, startGateway } from './gateway.mjs'

const secret = `whsec_${randomBytes(32).toString('base64')}`

/** A receiver that refuses the first delivery. What it gets comes out of `next`. */
async function receiver() {
  const [arrived, waiting] = [[], []]
  let refused = false
  const server = http.createServer(async (request, response) => {
    const chunks = await request.toArray()
    response.writeHead(refused ? 204 : 503).end()
    refused = true
    const delivery = { headers: request.headers, body: Buffer.concat(chunks).toString() }
    const taker = waiting.shift()
    if (taker) taker(delivery)
    else arrived.push(delivery)
  })
  await new Promise(listening => server.listen(0, '127.0.0.1', listening))
  const next = () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise(taken => waiting.push(taken)))
  return { url: `http://127.0.0.1:${server.address().port}/hook`, next, close: () => server.close() }
}

test('standardwebhooks verifies what the gateway sends', { timeout: 60_000 }, async () => {
  const { url, next, close } = await receiver()
  const gateway = await startGateway({ secret }, (configuration, folder) =>
    `${configuration}\n[[webhooks]]\nurl = "${url}"\nsecret_file = "${folder}/secret"\n`)
  try {
    const refused = await as('cleo', `${gateway.url}/proxy/github/user`)
    assert.equal(refused.headers.get('idp-outcome'), 'reconnect-required')
    const [first, second] = [await next(), await next()]
    const webhook = new Webhook(secret)
    for (const { headers, body } of [first, second]) {
      const event = webhook.verify(body, headers)
      assert.equal(event.type, 'account.reconnect_required')
      assert.deepEqual([event.data.user_id, event.data.provider], [demo.users.cleo.user_id, 'github'])
      for (const known of demo.secrets) assert.ok(!body.includes(known), 'a secret stands in a message')
    }
    assert.equal(first.headers['webhook-id'], second.headers['webhook-id'], 'a repetition has the id of the first')
    const { headers, body } = second
    assert.throws(() => webhook.verify(body.replace('github', 'google'), headers), /signature/i)
    assert.throws(() => webhook.verify(body, { ...headers, 'webhook-id': 'msg_other' }), /signature/i)
    assert.throws(() => webhook.verify(body, { ...headers, 'webhook-timestamp': '1' }), /timestamp/i)
    assert.throws(() => new Webhook(`whsec_${randomBytes(32).toString('base64')}`).verify(body, headers), /signature/i)
    const gone = await as('ben', `${gateway.url}/v1/me/crm`, { method: 'DELETE' })
    assert.equal(gone.status, 200, await gone.text())
    const last = await next()
    assert.equal(webhook.verify(last.body, last.headers).type, 'account.disconnected')
  } finally {
    gateway.stop()
    close()
  }
})
