// Hosted connect where people sign in at `oidc-provider`, as at the custom domain of a tenant: nothing in the login leg belongs to the
// sandbox. The Management API stays the sandbox's; a proxy before it publishes the keys of both, as one tenant would.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import { after, before, test } from 'node:test'
import Provider from 'oidc-provider'
import { as, demo, freePort, startGateway } from './gateway.mjs'

const CLIENT = 'the-gateway'
const SECRET = 'the-secret-of-the-connect-application'
const APP = 'https://app.example.com/'
const idTokens = []
let gateway, issuer, servers

const listen = (server, port) => new Promise(listening => server.listen(port, '127.0.0.1', () => listening(server)))

/** The other OpenID provider, at the paths that Auth0 has. Whoever signs in names their `sub`. */
function provider(callback) {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const own = new Provider(issuer, {
    clients: [{
      client_id: CLIENT, client_secret: SECRET, redirect_uris: [callback], grant_types: ['authorization_code'],
      response_types: ['code'], token_endpoint_auth_method: 'client_secret_post',
    }],
    jwks: { keys: [{ ...key, kid: 'other', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['a key of the test'] },
    routes: { authorization: '/authorize', token: '/oauth/token', jwks: '/.well-known/jwks.json' },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  })
  own.on('grant.success', ({ body }) => idTokens.push(body.id_token))
  return http.createServer(own.callback())
}

/** The sandbox's tenant with the keys of both. */
const tenant = () => http.createServer(async (request, response) => {
  if (request.url === '/.well-known/jwks.json') {
    const sets = await Promise.all([issuer, `${demo.tenant.base_url}/`].map(base => fetch(`${base}.well-known/jwks.json`)))
    const keys = (await Promise.all(sets.map(set => set.json()))).flatMap(set => set.keys)
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }))
  }
  const { hostname, port } = new URL(demo.tenant.base_url)
  const { method, url: path, headers } = request
  const passed = http.request({ hostname, port, method, path, headers: { ...headers, host: `${hostname}:${port}` } }, answer => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  passed.on('error', () => response.destroy())
  request.pipe(passed)
})

before(async () => {
  const port = await freePort(23_100)
  issuer = `http://127.0.0.1:${port}/`
  const own = await freePort(port + 1)
  const address = `http://127.0.0.1:${own}`
  servers = [await listen(provider(`${address}/connect/callback`), port), await listen(tenant(), 0)]
  const base = `http://127.0.0.1:${servers[1].address().port}`
  gateway = await startGateway({}, configuration => configuration
    .replace('[server]\nlisten = "127.0.0.1:0"', `[server]\npublic_url = "${address}"\nlisten = "127.0.0.1:${own}"`)
    .replace(`base_url = "${demo.tenant.base_url}/"`, `base_url = "${base}/"`)
    .replace('\nissuers = [', `\nissuers = ["${issuer}", `)
    + `[connect]\nclient_id = "${CLIENT}"\nclient_secret = "${SECRET}"\nreturn_to = ["${APP}"]\n`)
})

after(() => {
  gateway?.stop()
  servers?.forEach(server => { server.closeAllConnections(); server.close() })
})

/** A browser of a few lines: it keeps cookies, follows redirects up to the app, and remembers where it was. */
class Browser {
  jar = new Map()
  visited = []

  async go(address, fields) {
    for (let to = new URL(address); ; fields = undefined) {
      this.visited.push(to.href)
      if (to.href.startsWith(APP)) return { url: to, html: '' }
      const jar = this.jar.get(to.origin) ?? this.jar.set(to.origin, new Map()).get(to.origin)
      const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }
      const form = fields && { method: 'POST', body: new URLSearchParams(fields) }
      const answer = await fetch(to, { ...form, redirect: 'manual', headers: { ...headers, ...(form && { origin: to.origin }) } })
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
        if (value === '' || /max-age=0|1970/i.test(line)) jar.delete(name)
        else jar.set(name, value)
      }
      const location = answer.headers.get('location')
      if (!location) return { url: to, status: answer.status, html: await answer.text() }
      to = new URL(location, to)
    }
  }

  /** Opens a link, presses its button, and signs in as `sub` where a page asks. */
  async walk(link, sub) {
    let page = await this.go(link)
    for (let pages = 0; pages < 8; pages += 1) {
      const [, action] = /<form[^>]* action="([^"]+)"/.exec(page.html) ?? []
      if (!action) return page
      const hidden = [...page.html.matchAll(/<input[^>]* name="([^"]+)"[^>]*? value="([^"]*)"/g)].map(([, name, value]) => [name, value])
      const typed = page.html.includes('name="login"') ? { login: sub, password: 'any' } : {}
      page = await this.go(new URL(action.replaceAll('&amp;', '&'), page.url), { ...Object.fromEntries(hidden), ...typed })
    }
    throw new Error(`round in circles: ${this.visited.join('\n')}`)
  }
}

async function link(user) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ return_to: APP }) }
  const answer = await as(user, `${gateway.url}/v1/me/github/connect`, init)
  assert.equal(answer.status, 201, await answer.clone().text())
  return (await answer.json()).connect_url
}

test('the user signs in at another OpenID provider, silently first, and the account counts as connected', async () => {
  const browser = new Browser()
  const ended = await browser.walk(await link('cleo'), demo.users.cleo.user_id)
  assert.equal(ended.url.searchParams.get('idp_connect'), 'ok', `${ended.url} ${ended.html}`)
  const asked = browser.visited.filter(url => url.startsWith(`${issuer}authorize?`))
  assert.match(asked[0], /prompt=none/)
  assert.match(asked.at(-1), /connection=github/)
  const back = browser.visited.filter(url => url.includes('/connect/callback?'))
  assert.ok(back.length >= 3 && back.every(url => new URL(url).searchParams.get('iss') === issuer), back.join('\n'))
  assert.ok(idTokens.length >= 2)
  const written = gateway.log.join('\n') + browser.visited.join('\n')
  for (const token of idTokens) assert.ok(!written.includes(token), 'an ID token stands in a log or an address')
})

test('another user who signs in there connects nothing', async () => {
  const ended = await new Browser().walk(await link('cleo'), demo.users.ben.user_id)
  assert.deepEqual([ended.status, /made for another user/.test(ended.html)], [403, true], ended.html)
})
