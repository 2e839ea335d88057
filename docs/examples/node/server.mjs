// A Node backend that calls GitHub for the user whose access token it received. It forwards the caller's own token; the gateway
// finds the provider's token. Run it with: GATEWAY=https://idp.acme.com node server.mjs
import { createServer } from 'node:http'

const gateway = process.env.GATEWAY ?? 'http://127.0.0.1:8080'

async function repositories(authorization) {
  const response = await fetch(`${gateway}/proxy/github/user/repos?per_page=100`, {
    headers: { authorization, 'idp-errors': 'problem' }
  })
  const body = await response.json()
  if (response.ok) return { status: 200, body: body.map(({ full_name, private: isPrivate }) => ({ full_name, isPrivate })) }
  // The problem holds a code, a remedy and, where it applies, how the user connects the account. It holds no secret.
  const { code, remedy, connect, missing_scopes, retry_after, request_id } = body
  return { status: response.status, body: { code, remedy, connect, missing_scopes, retry_after, request_id } }
}

const server = createServer(async (request, response) => {
  const send = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  try {
    if (request.url !== '/repositories') return send(404, { code: 'not-found' })
    if (!request.headers.authorization) return send(401, { code: 'caller-token-missing' })
    const { status, body } = await repositories(request.headers.authorization)
    send(status, body)
  } catch (error) {
    console.error(error)
    send(502, { code: 'gateway-unreachable' })
  }
})

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(JSON.stringify({ listening: server.address().port }))
})
