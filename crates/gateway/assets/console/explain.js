// What became of a call, step by step, also of one that never reached the provider.
import { titleOf } from './accounts.js'
import { make } from './dom.js'

// Outcomes that policy or a block decides.
const DENIALS = ['policy-denied', 'user-blocked', 'bad-path', 'host-not-allowed', 'unknown-provider', 'caller-scope-missing']

const DECIDERS = {
  'deny-list': 'the deny list, which holds at every access level', hosts: 'the hosts that serve this path', block: "an operator's block"
}

const SOURCES = { identities: "Auth0's copy of the account's token", vault: 'Token Vault' }

function step(title, detail, tone) {
  return make('li', { class: tone }, make('strong', { textContent: title }), make('span', { textContent: detail }))
}

// The steps of an explanation as `GET /v1/explain/{request-id}` gives it.
export function timeline(explanation) {
  const { provider, account, source, cache, rule, attempts, outcome, actors } = explanation
  const refused = outcome !== 'ok'
  const steps = [step('Caller', actors?.length ? `accepted; ${actors.join(', ')} acts for you` : 'your access token was accepted', 'good')]
  const denied = DENIALS.includes(outcome)
  const by = rule ? ` by ${DECIDERS[rule] ?? rule}` : ''
  const policy = denied ? `refused${by || `: ${outcome}`}` : by ? `allowed${by}` : 'not asked'
  steps.push(step('Policy', policy, denied ? 'bad' : by ? 'good' : 'none'))
  const found = account ? `${account}, from ${SOURCES[source] ?? source ?? 'the user record'}${cache ? ` (cache: ${cache})` : ''}` : undefined
  steps.push(step('Account', found ?? (refused && !denied ? `none: ${outcome}` : 'not looked up'), found ? 'good' : refused && !denied ? 'bad' : 'none'))
  for (const [index, attempt] of attempts.entries()) {
    const status = attempt.status ?? 'no answer'
    const called = titleOf({ name: provider })
    steps.push(step(attempts.length > 1 ? `Call ${index + 1} of ${called}` : `Call of ${called}`,
      `${status}, ${attempt.outcome}, ${attempt.millis} ms`, attempt.outcome === 'ok' ? 'good' : 'bad'))
  }
  if (!attempts.length) steps.push(step('Provider', 'not called', 'none'))
  steps.push(step('Answer', outcome, refused ? 'bad' : 'good'))
  return steps
}
