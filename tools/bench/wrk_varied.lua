-- As wrk.lua, with requests of which a thousand in a row have different heads: no server gains by remembering one.
-- They are made beforehand, so that giving one out costs wrk little.
dofile((debug.getinfo(1, "S").source:gsub("^@", ""):gsub("wrk_varied.lua$", "wrk.lua")))

local requests, turn = {}, 0

function init(args)
  for number = 1, 1000 do
    requests[number] = wrk.format(nil, nil, {["Host"] = wrk.headers["Host"], ["X-Request-Id"] = tostring(number)})
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
