// Small helpers for the page. Text of others is only ever set as text.

export const at = id => document.getElementById(id)

// An element with properties, attributes (names with a dash, and `role`), and children.
export function make(name, properties = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue
    if (key === 'class') made.className = value
    else if (key.includes('-') || ['role', 'for', 'open', 'hidden'].includes(key)) made.setAttribute(key, value === true ? '' : value)
    else made[key] = value
  }
  made.append(...children.filter(child => child !== undefined && child !== false))
  return made
}

export function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// Shows an error, whatever went wrong.
export function fail(error) {
  const over = ['login_required', 'consent_required', 'missing_refresh_token'].includes(error.error)
  at('error').textContent = over ? 'The session is over. Sign out, then sign in again.' : `${error.message ?? error}`
  at('error').hidden = false
}

// A handler that runs what a person asked for. An error is shown, not lost.
export const asked = action => async event => {
  event?.preventDefault()
  at('error').hidden = true
  try {
    await action(event)
  } catch (error) {
    fail(error)
  }
}

// Tabs by the ARIA pattern: the arrow keys move between them.
export function tabs(list) {
  const all = [...list.querySelectorAll('[role=tab]')]
  const select = (tab, focus) => {
    for (const other of all) {
      const chosen = other === tab
      other.setAttribute('aria-selected', chosen)
      other.tabIndex = chosen ? 0 : -1
      at(other.getAttribute('aria-controls')).hidden = !chosen
    }
    if (focus) tab.focus()
  }
  for (const [index, tab] of all.entries()) {
    tab.onclick = () => select(tab)
    tab.onkeydown = event => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: all.length - 1 }[event.key]
      if (to === undefined) return
      event.preventDefault()
      select(all[(to + all.length) % all.length], true)
    }
  }
  return id => select(at(id))
}
