// Calls to try, by adapter. The first is one that most accounts can make.

const PATHS = {
  google: [
    ['/oauth2/v3/userinfo', 'Profile'],
    ['/calendar/v3/users/me/calendarList', 'Calendars'],
    ['/drive/v3/files?pageSize=10', 'Files in Drive'],
    ['/~people.googleapis.com/v1/people/me?personFields=names', 'Person'],
    ['/~gmail.googleapis.com/gmail/v1/users/me/profile', 'Mailbox']
  ],
  github: [
    ['/user', 'Profile'],
    ['/user/repos?per_page=5', 'Repositories'],
    ['/user/emails', 'E-mail addresses'],
    ['/user/orgs', 'Organisations'],
    ['/rate_limit', 'Rate limit']
  ],
  facebook: [
    ['/v22.0/me?fields=id,name', 'Profile'],
    ['/v22.0/me/permissions', 'Permissions'],
    ['/v22.0/me/photos', 'Photos'],
    ['/v22.0/me/accounts', 'Pages']
  ],
  bitbucket: [
    ['/2.0/user', 'Profile'],
    ['/2.0/user/emails', 'E-mail addresses'],
    ['/2.0/user/workspaces', 'Workspaces']
  ],
  microsoft: [
    ['/v1.0/me', 'Profile'],
    ['/v1.0/me/messages?$top=5', 'Messages'],
    ['/v1.0/me/calendars', 'Calendars'],
    ['/v1.0/me/drive/root/children', 'Files']
  ],
  oauth2: [['/userinfo', 'Profile']]
}

export const pathsOf = adapter => PATHS[adapter] ?? PATHS.oauth2
