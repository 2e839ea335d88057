import assert from 'node:assert/strict'
import { BatchRequestContent, Client, PageIterator } from '@microsoft/microsoft-graph-client'
import { demo, secure } from './demo.mjs'
import { matrix } from './matrix.mjs'

// The Graph client adds the token to https addresses only.
const base = new URL(secure)
const client = user => Client.init({
  baseUrl: `${base.origin}/proxy/microsoft`,
  customHosts: new Set([base.hostname]),
  authProvider: done => done(null, demo.users[user].token)
})
const graph = client('ben')
const { cell } = matrix('@microsoft/microsoft-graph-client', 'Microsoft')

cell('list', 'reads the user and lists messages', async () => {
  const me = await graph.api('/me').get()
  assert.equal(typeof me.userPrincipalName, 'string')
  assert.ok((await graph.api('/me/messages').get()).value.length > 0)
})

cell('page', 'pages through messages by the rewritten next link', async () => {
  const first = await graph.api('/me/messages').top(2).get()
  assert.ok(first['@odata.nextLink'].startsWith(`${base.origin}/proxy/microsoft/`), first['@odata.nextLink'])
  const ids = []
  await new PageIterator(graph, first, message => ids.push(message.id) > 0).iterate()
  assert.ok(ids.length > 2, 'more than one page')
  assert.equal(new Set(ids).size, ids.length, 'no message twice')
})

cell('create', 'creates an event', async () => {
  const at = hour => ({ dateTime: `2026-05-01T${hour}:00:00`, timeZone: 'UTC' })
  const event = await graph.api('/me/events').post({ subject: 'From the client', start: at('09'), end: at('10') })
  assert.equal(event.subject, 'From the client')
})

async function item () {
  const { value: [first] } = await graph.api('/me/drive/root/children').get()
  return `/me/drive/items/${first.id}/content`
}

cell('upload', 'uploads a small file', async () => {
  const written = await graph.api(await item()).put(Buffer.from('a report'))
  assert.equal(typeof written.name, 'string')
})

cell('download', 'downloads the bytes', async () => {
  const stream = await graph.api(await item()).getStream()
  let length = 0
  for await (const chunk of stream) length += chunk.length
  assert.ok(length > 0)
})

cell('batch', 'batches are refused', async () => {
  const request = new Request('https://graph.microsoft.com/v1.0/me', { method: 'GET' })
  const content = await new BatchRequestContent([{ id: '1', request }]).getContent()
  const error = await graph.api('/$batch').post(content).catch(error => error)
  assert.equal(error.statusCode, 403)
  assert.equal(error.code, 'policy-denied')
}, 'refused: `policy-denied`')

cell('errors', 'shows a problem of the gateway', async () => {
  const error = await client('ana').api('/me').get().catch(error => error)
  assert.equal(error.statusCode, 403)
  assert.equal(error.code, 'account-not-connected')
})
