local known = {}
local management

local function ask(handle, method, path, authorization, body)
  local headers = {
    [":method"] = method, [":path"] = path, [":authority"] = "tenant",
    ["content-type"] = "application/json", ["authorization"] = authorization,
  }
  local _, answer = handle:httpCall("tenant", headers, body, 5000)
  return answer and answer:match('"access_token"%s*:%s*"([^"]+)"')
end

function envoy_on_request(handle)
  local user = handle:headers():get("x-user")
  local token = known[user]
  if not token then
    management = management or ask(handle, "POST", "/oauth/token", "", [[@CLIENT@]])
    local path = "/api/v2/users/" .. user:gsub("|", "%%7C")
    token = ask(handle, "GET", path, "Bearer " .. (management or ""), nil)
    if not token then
      handle:respond({ [":status"] = "502" }, "")
      return
    end
    known[user] = token
  end
  -- Asked for again: what was got before a call is not valid after it.
  local headers = handle:headers()
  headers:remove("x-user")
  headers:replace("authorization", "Bearer " .. token)
end
