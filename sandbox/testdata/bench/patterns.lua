-- Patterns over the text of a request.
local request = ("GET /a/b?x=1&y=two HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nCookie: a=b; session=0123456789abcdef\r\n"):rep(5)
return function()
  local n = 0
  for name, value in request:gmatch("(%w+): ([^\r\n]*)") do n = n + #name + #value end
  for key, value in request:gmatch("[?&](%w+)=(%w+)") do n = n + #key + #value end
  local s, count = request:gsub("%x%x", "%%%0")
  local from = request:find("session=(%w+)")
  return n + #s + count + from
end
