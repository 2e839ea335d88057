import assert from 'node:assert/strict'
import test from 'node:test'
import { Client, PageIterator } from '@microsoft/microsoft-graph-client'
import { demo, secure } from './demo.mjs'

// The Graph client adds the token to https addresses only.
const base = new URL(secure)
const graph = Client.init({
  baseUrl: `${base.origin}/proxy/microsoft`,
  customHosts: new Set([base.hostname]),
  authProvider: done => done(null, demo.users.ben.token)
})

test('the Graph client reads the user', async () => {
  const me = await graph.api('/me').get()
  assert.equal(typeof me.userPrincipalName, 'string')
})

test('the Graph client pages through messages by the rewritten next link', async () => {
  const first = await graph.api('/me/messages').top(2).get()
  assert.ok(first['@odata.nextLink'].startsWith(`${base.origin}/proxy/microsoft/`), first['@odata.nextLink'])
  const ids = []
  await new PageIterator(graph, first, message => ids.push(message.id) > 0).iterate()
  assert.ok(ids.length > 2, 'more than one page')
  assert.equal(new Set(ids).size, ids.length, 'no message twice')
})
