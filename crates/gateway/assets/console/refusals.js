// One sentence for a person for each refusal, and what helps.

const CONNECT = 'connect'
const WAIT = 'wait'
const REPEAT = 'repeat'
const SIGN_IN = 'sign-in'
const CHOOSE = 'choose'
const REPORT = 'report'
const CHANGE = 'change'

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
  'provider-denied': [REPORT, '{provider} does not allow this for your account.'],
  'provider-rejected': [CHANGE, '{provider} does not accept this request.'],
  'unknown-provider': [CHANGE, 'This gateway has no provider of that name.'],
  'host-not-allowed': [CHANGE, 'The gateway does not call that host.'],
  'bad-path': [CHANGE, 'The gateway cannot send this path to the provider.'],
  'bad-request': [CHANGE, 'The gateway cannot read this request.'],
  'body-too-large': [CHANGE, 'The body of the request is too large.'],
  'headers-too-large': [CHANGE, 'The headers of the request are too large.'],
  'uri-too-long': [CHANGE, 'The path is too long.'],
  'method-not-allowed': [CHANGE, 'This address does not take this method.'],
  'not-found': [CHANGE, 'The gateway has nothing at this address.'],
  'not-implemented': [CHANGE, 'The gateway does not support this kind of request.'],
  'caller-token-in-query': [CHANGE, 'The path contains an access token.'],
  'caller-token-in-body': [CHANGE, 'The body contains an access token.'],
  'redirect-blocked': [CHANGE, '{provider} sent the gateway to an address that it does not call.'],
  'request-timeout': [REPEAT, 'The request did not arrive in time.'],
  'dpop-proof-invalid': [REPEAT, 'The gateway does not accept the proof of this call.'],
  'caller-not-a-user': [SIGN_IN, 'Your access token is not for a user.'],
  'user-unknown': [SIGN_IN, 'The tenant does not know your user any more.'],
  'caller-scope-missing': [SIGN_IN, 'Your access token lacks a scope that this call needs.'],
  'caller-not-allowed': [REPORT, 'This app or organisation may not use the gateway.'],
  misdirected: [REPORT, 'The gateway does not serve this host name.'],
  'response-uninspectable': [REPORT, 'The answer of {provider} could not be searched for tokens.'],
  'user-blocked': [REPORT, 'Your user is blocked.'],
  'tenant-misconfigured': [REPORT, "The gateway may not read your accounts: the tenant's settings are incomplete."],
  'provider-misconfigured': [REPORT, "The gateway's settings for {provider} do not work."],
  'internal-error': [REPORT, 'The gateway failed.']
}

// The missing scopes that *Connect* asks for. The others that a provider names are alternatives.
function asked({ missing_scopes: missing = [], connection_scope: connecting = '' }) {
  const wanted = missing.filter(scope => connecting.split(',').includes(scope))
  return wanted.length ? wanted : missing
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
