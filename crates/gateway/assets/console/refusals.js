// One sentence for a person for each refusal, and what helps.

const CONNECT = 'connect'
const WAIT = 'wait'
const REPEAT = 'repeat'
const SIGN_IN = 'sign-in'
const CHOOSE = 'choose'
const REPORT = 'report'

const REFUSALS = {
  'account-not-connected': [CONNECT, 'You have not connected an account at {provider}.'],
  'reconnect-required': [CONNECT, '{provider} no longer accepts the access that you gave. Connect your account again.'],
  'provider-scope-missing': [CONNECT, 'You have not agreed to this yet: {scopes}.'],
  'account-ambiguous': [CHOOSE, 'You have several accounts at {provider}. Choose one.'],
  'caller-token-expired': [SIGN_IN, 'Your access token has expired.'],
  'caller-token-invalid': [SIGN_IN, 'The gateway does not accept your access token.'],
  'caller-token-missing': [SIGN_IN, 'The call had no access token.'],
  'caller-token-opaque': [SIGN_IN, 'Your access token was issued without an audience.'],
  'provider-rate-limited': [WAIT, '{provider} has received too many calls.'],
  'tenant-rate-limited': [WAIT, 'The tenant has received too many requests.'],
  'rate-limited': [WAIT, 'You have made too many calls.'],
  overloaded: [WAIT, 'The gateway is overloaded.'],
  'tenant-unavailable': [WAIT, 'The tenant does not answer.'],
  'store-unavailable': [WAIT, 'The gateway cannot reach its store.'],
  'provider-unreachable': [REPEAT, '{provider} cannot be reached.'],
  'provider-timeout': [REPEAT, '{provider} did not answer in time.'],
  'provider-error': [REPEAT, '{provider} answered with a server error.'],
  'policy-denied': [REPORT, 'The rules of this gateway do not allow this call.'],
  'provider-denied': [undefined, '{provider} does not allow this for your account.'],
  'provider-rejected': [undefined, '{provider} does not accept this request.'],
  'unknown-provider': [undefined, 'This gateway has no provider of that name.'],
  'host-not-allowed': [undefined, 'The gateway does not call that host.'],
  'bad-path': [undefined, 'The gateway cannot send this path to the provider.'],
  'user-blocked': [REPORT, 'Your user is blocked.'],
  'tenant-misconfigured': [REPORT, "The gateway may not read your accounts: the tenant's settings are incomplete."],
  'provider-misconfigured': [REPORT, "The gateway's settings for {provider} do not work."],
  'internal-error': [REPORT, 'The gateway failed.']
}

// Several missing scopes can be alternatives: those are named that `connect` asks for.
function asked({ connect, missing_scopes: missing = [] }) {
  const wanted = connect?.scopes ?? connect?.connection_scope?.split(',') ?? []
  const narrowest = missing.filter(scope => wanted.includes(scope))
  return narrowest.length ? narrowest : missing
}

// What to say about a refusal, and which of the actions above helps.
export function refusal(outcome, problem, provider) {
  // The provider accepted the token moments ago: it does not allow the call, or the person has revoked the access.
  if (outcome === 'provider-denied' && problem.connect) {
    return { text: `${provider} refuses this call. If you have revoked the access, connect your account again.`, action: CONNECT }
  }
  const [action, sentence] = REFUSALS[outcome] ?? [REPORT, problem.title ? `${problem.title}.` : 'The call was refused.']
  const scopes = asked(problem).join(', ') || 'a permission of this call'
  const text = sentence.replace('{provider}', provider).replace('{scopes}', scopes)
  // Without `connect` the user came back without the scope, or the gateway does not know the way.
  return { text, action: action === CONNECT && !problem.connect ? REPORT : action }
}
