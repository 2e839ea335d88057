import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Auth0Provider } from '@auth0/auth0-react'
import { App } from './App.jsx'

// `config.json` names the tenant, the client, the audience and the gateway.
const config = await (await fetch('/config.json')).json()
const here = location.origin + location.pathname

function Root() {
  const [wanted, setWanted] = useState()
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
      <App gateway={config.gateway} wanted={wanted} />
    </Auth0Provider>
  )
}

createRoot(document.getElementById('root')).render(<StrictMode><Root /></StrictMode>)
