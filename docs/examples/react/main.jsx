import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Auth0Provider } from '@auth0/auth0-react'
import { App } from './App.jsx'

// `config.json` names the tenant, the client, the audience and the gateway.
const response = await fetch('/config.json')
if (!response.ok) document.getElementById('root').textContent = 'config.json is missing: see the README of the examples.'
const config = await response.json()
const here = location.origin + location.pathname

// The gateway's pages send the browser back with their result in the query.
const result = new URLSearchParams(location.search).get('idp_connect')
const connecting = result && JSON.parse(sessionStorage.getItem('connecting') ?? 'null')
if (result) history.replaceState({}, '', here)

function Root() {
  const [wanted, setWanted] = useState(result === 'ok' ? connecting : undefined)
  const returned = (appState) => {
    history.replaceState({}, '', here)
    setWanted(appState)
  }
  return (
    <Auth0Provider
      domain={config.domain}
      clientId={config.client_id}
      authorizationParams={{ redirect_uri: here, audience: config.audience }}
      onRedirectCallback={returned}
    >
      <App gateway={config.gateway} wanted={wanted} refused={result && result !== 'ok' ? result : undefined} />
    </Auth0Provider>
  )
}

createRoot(document.getElementById('root')).render(<StrictMode><Root /></StrictMode>)
