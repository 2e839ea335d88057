// The Node and Python backends: each calls a provider for the user whose access token it received.
import assert from 'node:assert/strict'
import test from 'node:test'
import { demo, withServer } from './support.mjs'

const ask = async (address, name) => {
  const response = await fetch(address, { headers: name ? { authorization: `Bearer ${demo.users[name].token}` } : {} })
  return { status: response.status, body: await response.json() }
}

for (const [language, command, program, path] of [
  ['Node', process.execPath, 'node/server.mjs', '/repositories'],
  ['Python', 'python3', 'python/app.py', '/calendars']
]) {
  test(`the ${language} backend answers with the provider's data, or with what the app can do`, () =>
    withServer(command, [`../../../../docs/examples/${program}`], { GATEWAY: demo.gateway }, async address => {
      const works = await ask(address + path, 'ben')
      assert.equal(works.status, 200)
      assert.ok(works.body.length > 0)
      // Ana has no GitHub account, and Cleo has not agreed to the calendar.
      const refused = await ask(address + path, language === 'Node' ? 'ana' : 'cleo')
      assert.ok(['account-not-connected', 'provider-scope-missing'].includes(refused.body.code), JSON.stringify(refused.body))
      assert.ok(refused.body.connect.connection && refused.body.remedy)
      const secrets = demo.secrets.filter(secret => JSON.stringify([works, refused]).includes(secret))
      assert.deepEqual(secrets, [], 'no secret is passed on')
      assert.equal((await ask(address + path)).body.code, 'caller-token-missing')
      assert.equal((await ask(`${address}/other`, 'ben')).status, 404)
    }))
}
