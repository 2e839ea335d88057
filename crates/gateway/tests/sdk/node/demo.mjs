// What `gateway demo --json` printed: addresses, and a caller token for each of its users.
export const demo = JSON.parse(process.env.DEMO)
export const proxy = provider => `${demo.gateway}/proxy/${provider}`
// The same gateway behind TLS, for SDKs that refuse plain HTTP.
export const secure = process.env.GATEWAY_TLS
