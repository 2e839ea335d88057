// The app of ../spa in React: it signs the user in, calls a provider through the gateway, and reacts to each refusal.
import { useEffect, useMemo, useState } from 'react'
import { useAuth0 } from '@auth0/auth0-react'
import { IdpGateway, connect } from '../client/idp-gateway.ts'

// `wanted` is the call to repeat when the user comes back from a login or from connecting an account.
export function App({ gateway, wanted, refused }) {
  const auth0 = useAuth0()
  const [result, setResult] = useState(null)
  const client = useMemo(() => new IdpGateway({
    baseUrl: gateway,
    getToken: ({ fresh }) => auth0.getAccessTokenSilently({ cacheMode: fresh ? 'off' : 'on' })
  }), [gateway, auth0.getAccessTokenSilently])

  async function call(next) {
    setResult({ next, state: 'Calling …' })
    try {
      const answer = await client.call(next.provider, next.path, { account: next.account, errors: 'problem' })
      setResult({ next, answer, body: await answer.response.text() })
    } catch (error) {
      setResult({ next, state: `The call failed: ${error.message}` })
    }
  }

  // Hosted connect if the gateway has it, else a login of this app with the account's connection.
  async function onConnect(how, next) {
    const returning = { ...next, connected: true }
    const url = await client.connectUrl(next.provider, how, { account: next.account, returnTo: location.origin + location.pathname })
    if (!url) return connect(auth0, how, returning)
    sessionStorage.setItem('connecting', JSON.stringify(returning))
    location.assign(url)
  }

  useEffect(() => {
    if (auth0.isAuthenticated && wanted?.provider) void call(wanted)
  }, [auth0.isAuthenticated, wanted])

  if (auth0.isLoading) return <p role="status">Loading …</p>
  if (!auth0.isAuthenticated) return <button onClick={() => auth0.loginWithRedirect()}>Sign in</button>
  return (
    <main>
      <p>Signed in as {auth0.user.name}</p>
      {refused && <p role="alert">Nothing was connected: {refused}</p>}
      {auth0.error && <p role="alert">Nothing was connected: {auth0.error.message}</p>}
      <button onClick={() => call({ provider: 'github', path: '/user' })}>My GitHub profile</button>{' '}
      <button onClick={() => call({ provider: 'bitbucket', path: '/2.0/user' })}>My Bitbucket profile</button>
      {result && (
        <section>
          <p role="status">{result.state ?? sentence(result)}</p>
          {result.answer && <Remedy {...result} onConnect={(how) => onConnect(how, result.next)} onCall={call} onLogin={() => auth0.loginWithRedirect({ appState: result.next })} />}
          <pre>{result.body}</pre>
        </section>
      )}
    </main>
  )
}

function sentence({ next, answer: { action, outcome, problem } }) {
  switch (action.kind) {
    case 'none': return next.connected ? 'Connected. It works.' : 'It works.'
    case 'connect':
      // The gateway reads the user's record again at most once a minute.
      if (next.connected) return 'Connected. The gateway may need up to a minute to see it. Repeat the call then.'
      return `You have to connect your account: ${problem?.message ?? outcome}`
    case 'choose-account': return 'You have several accounts at this provider. Choose one.'
    case 'wait': return `Wait ${action.seconds} s, then repeat the call.`
    case 'later': return 'The provider does not answer. Try again later.'
    case 'login': return 'You have to sign in again.'
    case 'tell-operator': return `Tell the operator: request ${action.requestId}.`
    default: return problem?.message ?? `The call was refused: ${outcome}`
  }
}

function Remedy({ next, answer: { action }, onConnect, onCall, onLogin }) {
  switch (action.kind) {
    case 'connect': return (
      <>
        {next.connected && <button onClick={() => onCall(next)}>Repeat the call</button>}
        {action.connect && <button onClick={() => onConnect(action.connect)}>Connect</button>}
      </>
    )
    case 'give-up': return action.connect && <button onClick={() => onConnect(action.connect)}>Connect again</button>
    case 'choose-account': return action.accounts.map((account) =>
      <button key={account} onClick={() => onCall({ ...next, account })}>Use {account}</button>)
    case 'wait':
    case 'later': return <button onClick={() => onCall({ ...next, connected: false })}>Repeat the call</button>
    case 'login': return <button onClick={onLogin}>Sign in again</button>
    default: return null
  }
}
