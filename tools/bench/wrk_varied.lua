-- As wrk.lua, with requests of which a thousand in a row have different heads: no server gains by remembering one.
-- They are made beforehand, so that giving one out costs wrk little.
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

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": ' ..
    '{"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
