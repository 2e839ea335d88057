import assert from 'node:assert/strict'
import test from 'node:test'
import { google } from 'googleapis'
import { demo } from './demo.mjs'

function signedIn(user) {
  const auth = new google.auth.OAuth2()
  auth.setCredentials({ access_token: demo.users[user].token })
  return auth
}

test('googleapis lists Drive files through a virtual host', async () => {
  const drive = google.drive({ version: 'v3', auth: signedIn('ana'), rootUrl: `${demo.virtual_hosts['www.googleapis.com']}/` })
  const names = []
  let pageToken
  let pages = 0
  do {
    const { data } = await drive.files.list({ pageSize: 2, pageToken, fields: 'nextPageToken, files(id, name)' })
    names.push(...data.files.map(file => file.name))
    pageToken = data.nextPageToken
    pages += 1
  } while (pageToken)
  assert.ok(pages > 1, 'more than one page')
  assert.equal(new Set(names).size, names.length, 'no file twice')
})

test('googleapis lists calendars', async () => {
  const calendar = google.calendar({ version: 'v3', auth: signedIn('ana'), rootUrl: `${demo.virtual_hosts['www.googleapis.com']}/` })
  const { data } = await calendar.calendarList.list()
  assert.ok(data.items.length > 0)
})
