-- Verifies a caller's token (RS256, issuer, audience, expiry), remembers it by its digest, and finds the user's IdP token, which is
-- read from the Management API once.
local base64 = require "ngx.base64"
local json = require "cjson.safe"
local new_digest = require("openssl.digest").new

local callers, grants = ngx.shared.callers, ngx.shared.grants
local ISSUER, AUDIENCE = "@ISSUER@", "@AUDIENCE@"
local CLIENT = [[@CLIENT@]]

local function contents(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

local public = require("openssl.pkey").new(contents("@PLACE@/key.pem"))

local function part(text)
  local bytes = base64.decode_base64url(text)
  return bytes and json.decode(bytes)
end

local function is_for_us(audience)
  if type(audience) ~= "table" then
    return audience == AUDIENCE
  end
  for _, name in ipairs(audience) do
    if name == AUDIENCE then
      return true
    end
  end
  return false
end

-- The claims of a good token.
local function claims_of(token)
  local signed, header, payload, signature = token:match("^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$")
  if not signed then
    return nil
  end
  local head = part(header)
  local bytes = base64.decode_base64url(signature)
  if not head or head.alg ~= "RS256" or not bytes then
    return nil
  end
  local digest = new_digest("sha256")
  digest:update(signed)
  if not public:verify(bytes, digest) then
    return nil
  end
  local claims = part(payload)
  local good = claims and claims.iss == ISSUER and is_for_us(claims.aud) and claims.exp and claims.exp > ngx.time()
  return good and claims or nil
end

local function management_token()
  local kept = grants:get("management")
  if kept then
    return kept
  end
  local answer = ngx.location.capture("/tenant/token", { method = ngx.HTTP_POST, body = CLIENT })
  local granted = json.decode(answer.body)
  grants:set("management", granted.access_token, granted.expires_in / 2)
  return granted.access_token
end

-- The IdP token of a user.
local function read(user)
  local arguments = { token = management_token(), user = user }
  local answer = ngx.location.capture("/tenant/user", { args = arguments })
  local record = answer.status == 200 and json.decode(answer.body)
  if not record then
    return nil
  end
  local found = record.identities[1].access_token
  grants:set(user, found, 600)
  return found
end

local M = {}

function M.exchange()
  local given = ngx.var.http_authorization
  if not given or given:sub(1, 7) ~= "Bearer " then
    return ngx.exit(401)
  end
  local token = given:sub(8)
  local name = ngx.sha1_bin(token)
  local user = callers:get(name)
  if not user then
    local claims = claims_of(token)
    if not claims then
      return ngx.exit(401)
    end
    user = claims.sub
    callers:set(name, user, claims.exp - ngx.time())
  end
  local found = grants:get(user) or read(user)
  if not found then
    return ngx.exit(502)
  end
  ngx.var.credential = "Bearer " .. found
end

return M
