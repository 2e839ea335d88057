// The TypeScript client against a running gateway.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { IdpGateway, actionFor, connect, encodeAccount } from './dist/client/idp-gateway.js'
import { demo, typesOf } from './support.mjs'

const clientOf = name => new IdpGateway({ baseUrl: demo.gateway, getToken: async () => demo.users[name].token })

test('the types are those of /openapi.json', async () => {
  const kept = readFileSync(new URL('../../../../docs/examples/client/openapi.ts', import.meta.url), 'utf8')
  assert.equal(kept, await typesOf(demo.gateway), 'run `npm run types` while the demo runs')
})

test('a call that works needs nothing', async () => {
  const { response, outcome, action, problem, requestId } = await clientOf('ben').call('github', '/user')
  assert.equal((await response.json()).login, 'ben')
  assert.deepEqual([outcome, action, problem], ['ok', { kind: 'none' }, null])
  assert.match(requestId, /^[0-9a-f]{32}$/)
})

test('a path that leads out of its provider is not sent', async () => {
  const sent = []
  const client = new IdpGateway({
    baseUrl: demo.gateway,
    getToken: async () => 'token',
    fetch: async url => { sent.push(url); return new Response('{}') }
  })
  for (const path of ['/../google/x', '/repos/%2E%2e/x', '/a/./b', '/a\\..\\b', '/..', 'user']) {
    await assert.rejects(client.call('github', path), TypeError, path)
  }
  for (const path of ['/user?next=/../x', '/repos/a/...', '/v1.0/me', '/.well-known/x']) await client.call('github', path)
  assert.equal(sent.length, 4)
})

test('a refusal says how the user connects the account', async () => {
  const { outcome, action, response } = await clientOf('cleo').call('bitbucket', '/2.0/user')
  assert.equal(outcome, 'account-not-connected')
  assert.equal(action.kind, 'connect')
  assert.equal(action.connect.connection, 'bitbucket')
  assert.equal((await response.json()).code, outcome, 'the body is still there to read')
})

test('a missing scope is named, and asked for', async () => {
  const { action } = await clientOf('cleo').call('google', '/drive/v3/files', { errors: 'problem' })
  assert.equal(action.kind, 'connect')
  assert.ok(action.missingScopes.some(scope => scope.includes('drive')), `${action.missingScopes}`)
  assert.equal(action.connect.prompt, 'consent')
})

test('one of several accounts is chosen', async () => {
  const { action } = await clientOf('dana').call('bitbucket', '/2.0/user')
  assert.equal(action.kind, 'choose-account')
  assert.equal(action.accounts.length, 2)
  const { response } = await clientOf('dana').call('bitbucket', '/2.0/user', { account: action.accounts[1] })
  assert.equal((await response.json()).username, 'dana-work')
})

test('a limit says how long to wait, and nothing in the provider\'s own error is followed', async () => {
  const { action, problem } = await clientOf('ben').call('github', '/sandbox/trouble/primary-limit')
  assert.equal(action.kind, 'wait')
  assert.ok(action.seconds > 0)
  assert.equal(problem, null)
})

test('an expired token is replaced once', async () => {
  const asked = []
  const client = new IdpGateway({
    baseUrl: demo.gateway,
    getToken: async ({ fresh }) => { asked.push(fresh); return fresh ? demo.users.ben.token : demo.expired }
  })
  assert.equal((await client.call('github', '/user')).outcome, 'ok')
  assert.deepEqual(asked, [false, true])
  asked.length = 0
  const stream = new ReadableStream({ start: controller => controller.close() })
  const { action } = await client.call('github', '/gists', { method: 'POST', body: stream, duplex: 'half' })
  assert.deepEqual([action.kind, asked], ['login', [false]], 'a body that is gone cannot be sent again')
})

test('the accounts are listed', async () => {
  const { accounts } = await clientOf('ben').me()
  assert.ok(accounts.some(({ account }) => account === 'github|583232'))
})

test('connect starts a login, or goes by the My Account API', async () => {
  const calls = []
  const auth0 = {
    loginWithRedirect: async options => { calls.push(options) },
    connectAccountWithRedirect: async options => { calls.push(options) }
  }
  await connect(auth0, { authorization_endpoint: 'https://t/authorize', connection: 'github', connection_scope: 'repo' }, { path: '/user' })
  await connect(auth0, { my_account_endpoint: 'https://t/me/v1/x', connection: 'windowslive', scopes: ['User.Read'] })
  assert.deepEqual(calls, [
    { authorizationParams: { connection: 'github', connection_scope: 'repo' }, appState: { path: '/user' } },
    { connection: 'windowslive', scopes: ['User.Read'], appState: undefined }
  ])
})

test('hosted connect leads back to the app', async () => {
  const how = { authorization_endpoint: 'https://t/authorize', connection: 'google', connection_scope: 'a,b' }
  const sent = []
  const answers = [Response.json({ connect_url: 'https://g/connect?ticket=1' }), new Response('{}', { status: 404 })]
  const client = new IdpGateway({
    baseUrl: 'https://g', getToken: async () => 't',
    fetch: async (url, { method, body }) => { sent.push([method, url, JSON.parse(body)]); return answers.shift() }
  })
  const options = { returnTo: 'https://app/', account: 'google|1' }
  assert.equal(await client.connectUrl('google', how, options), null, 'the gateway has no hosted connect')
  const hosted = { ...how, url: 'https://g/connect?ticket=0' }
  assert.equal(await client.connectUrl('google', hosted, options), 'https://g/connect?ticket=1')
  assert.equal(await client.connectUrl('google', hosted, options), hosted.url, 'the page of the problem is left')
  assert.deepEqual(sent[0], ['POST', 'https://g/v1/me/google/connect', { scopes: ['a', 'b'], return_to: 'https://app/', account: 'google|1' }])
})

test('of alternative scopes those are named that are asked for, and a refused good token can be connected again', () => {
  const connect = { authorization_endpoint: 'https://t/authorize', connection: 'google', connection_scope: 'held,narrow' }
  const lacking = actionFor('provider-scope-missing', new Response(), { code: 'provider-scope-missing', missing_scopes: ['wide', 'narrow'], connect })
  assert.deepEqual(lacking.missingScopes, ['narrow'])
  assert.deepEqual(actionFor('provider-denied', new Response(), { code: 'provider-denied', connect }), { kind: 'give-up', connect })
  assert.equal(actionFor('provider-timeout', new Response(), null).kind, 'later')
})

test('no outcome is without an action, and an account is spelled as a header takes it', async () => {
  const codes = (await (await fetch(`${demo.gateway}/openapi.json`)).json()).components.schemas.Code.enum
  const kinds = new Map(codes.map(code => [code, actionFor(code, new Response(), { code }).kind]))
  assert.ok(['login', 'connect', 'choose-account', 'wait', 'later', 'tell-operator', 'give-up', 'none'].every(kind => [...kinds.values()].includes(kind)))
  assert.equal(kinds.get('ok'), 'none')
  assert.equal(encodeAccount('acme|ü 100%'), 'acme|%C3%BC%20100%25')
})
