// Stands for the DNS records that an operator makes for virtual hosts: every name below `localhost` is loopback.
import dns from 'node:dns'

const lookup = dns.lookup
dns.lookup = (name, options, done) => {
  const loopback = name.endsWith('.localhost') ? '127.0.0.1' : name
  return lookup(loopback, options, done)
}
