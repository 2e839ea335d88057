// What a user of the npm package writes. It is compiled and run in a folder that holds nothing but the package.
import { IdpGateway, actionFor, type Outcome, type Problem } from '@idp-gateway/client'

const known: Outcome = 'reconnect-required'
// @ts-expect-error The outcomes are a closed list.
const unknown: Outcome = 'reconnected'

const answer: typeof fetch = async () => new Response('{}', { headers: { 'idp-outcome': 'ok' } })
const client = new IdpGateway({ baseUrl: 'https://idp.acme.com', getToken: async () => 'token', fetch: answer })
const { action } = await client.call('github', '/user')
if (action.kind !== 'none') throw new Error(`the call needs nothing, not ${action.kind}`)
const refused = actionFor(known, new Response(null, { status: 403 }), { code: known } as Problem)
if (refused.kind !== 'connect') throw new Error(`a dead grant is connected again, not ${refused.kind}`)
if (actionFor(unknown, new Response(null, { status: 418 }), null).kind !== 'none') throw new Error('an unknown outcome has no action')
